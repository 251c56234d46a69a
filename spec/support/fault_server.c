/* A server that fails on command, for what a well-made one will not do.
 *
 *     fault_server CA-FILE
 *
 * listens on loopback for one spec, which it tells the port ("control N" on standard output), writes
 * the certificate of its authority to CA-FILE, and takes commands from the first connection there:
 *
 *     script                      ends what an earlier script began and forgets what was seen
 *     plan                        begins what the next connection does; steps follow (fault_plan.h)
 *     go                          -> "port N": a listener of its own for this script
 *     go every                    the last plan is for all later connections as well
 *     calm                        -> "calm": connections from now on get the first plan
 *     calm all                    -> the same, and ends those that stand
 *     report                      -> what was seen (fault_log.h), then "."
 *
 * The first plan of a script is not handed out in turn: it is what connections get that no plan is
 * for. The server ends with the control connection, or when nothing was asked of it for two minutes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault_certificate.h"
#include "fault_connection.h"
#include "fault_log.h"

enum { MOST_PLANS = 64, MOST_CONNECTIONS = 20000, IDLE_SECONDS = 120, BACKLOG = 128 };

static struct {
  struct fault_plan plans[MOST_PLANS];
  size_t plan_count;
  bool every, calm, deaf;
  int listener;
  unsigned port;
  struct fault_connection *connections[MOST_CONNECTIONS];
  unsigned connection_count;
} script = {.listener = -1};

static FILE *commands, *answers; /* the control connection */

/* ---- sockets --------------------------------------------------------------------------------- */

/* To `*port`, or to one of the kernel's choice where that is 0. */
static int bind_on_loopback(int flags, unsigned *port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)*port)};
  socklen_t size = sizeof address;
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, size) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
    close(fd);
    return -1;
  }
  *port = ntohs(address.sin_port);
  return fd;
}

static int listen_on_loopback(int flags, unsigned *port) {
  int fd = bind_on_loopback(flags, port);
  if (fd < 0 || listen(fd, BACKLOG) == 0) return fd;
  close(fd);
  return -1;
}

/* ---- the script ------------------------------------------------------------------------------ */

static void end_script(void) {
  if (script.listener >= 0) close(script.listener);
  for (unsigned i = 0; i < script.connection_count; i++)
    fault_connection_end(script.connections[i]);
  for (size_t i = 0; i < script.plan_count; i++) fault_plan_clear(&script.plans[i]);
  memset(&script, 0, sizeof script);
  script.listener = -1;
  fault_log_clear();
}

static const struct fault_plan *next_plan(void) {
  size_t index = script.connection_count + 1;
  if (script.calm) return &script.plans[0];
  if (index < script.plan_count) return &script.plans[index];
  return &script.plans[script.every ? script.plan_count - 1 : 0];
}

static bool accept_one(void) {
  int fd = accept4(script.listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) {
    script.deaf = errno == EINVAL; /* a plan shut it */
    return false;
  }
  struct fault_connection_origin origin = {script.listener, script.connection_count + 1,
                                           next_plan()};
  struct fault_connection *connection = NULL;
  if (script.connection_count < MOST_CONNECTIONS)
    connection = fault_connection_start(fd, &origin);
  else
    close(fd);
  if (connection) script.connections[script.connection_count++] = connection;
  return true;
}

static void accept_all(void) {
  while (script.listener >= 0 && accept_one()) continue;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* A socket that is bound to the port, and nothing else, keeps it ours without a listener and beyond
 * the script's end, so that no other script has it: clients keep connections that died. */
static void go(const char *line) {
  script.every = strcmp(line, "go every\n") == 0;
  (void)bind_on_loopback(0, &script.port);
  script.listener = listen_on_loopback(SOCK_NONBLOCK, &script.port);
  fprintf(answers, "port %u\n", script.port);
}

static void calm_down(bool all) {
  script.calm = true;
  if (script.deaf) {
    close(script.listener);
    script.listener = listen_on_loopback(SOCK_NONBLOCK, &script.port);
    script.deaf = false;
  }
  for (unsigned i = 0; all && i < script.connection_count; i++)
    fault_connection_interrupt(script.connections[i]);
}

/* False where the line is no command. */
static bool obey(const char *line) {
  if (strcmp(line, "script\n") == 0) {
    end_script();
  } else if (strcmp(line, "plan\n") == 0) {
    if (script.plan_count == MOST_PLANS) return false;
    script.plan_count++;
  } else if (strncmp(line, "go", 2) == 0 && strchr(" \n", line[2])) {
    go(line);
  } else if (strcmp(line, "calm\n") == 0 || strcmp(line, "calm all\n") == 0) {
    calm_down(line[4] == ' ');
    fprintf(answers, "calm\n");
  } else if (strcmp(line, "report\n") == 0) {
    accept_all(); /* what came before this command is to be in its answer */
    fault_log_write(answers);
    fprintf(answers, ".\n");
  } else {
    return script.plan_count &&
           fault_plan_add(&script.plans[script.plan_count - 1], line, commands);
  }
  return fflush(answers) == 0;
}

static bool take_command(void) {
  char line[256];
  alarm(IDLE_SECONDS);
  if (!fgets(line, sizeof line, commands)) return false;
  if (obey(line)) return true;
  fprintf(stderr, "fault_server does not know: %s", line);
  return false;
}

static void run(void) {
  for (;;) {
    struct pollfd ready[2] = {{.fd = fileno(commands), .events = POLLIN},
                              {.fd = script.deaf ? -1 : script.listener, .events = POLLIN}};
    if (poll(ready, 2, -1) < 0) continue;
    if (ready[1].revents) accept_all();
    if (ready[0].revents && !take_command()) return;
  }
}

/* Commands are read unbuffered, so that poll tells whether there is one. */
static bool open_control(int fd) {
  int copy = fd < 0 ? -1 : dup(fd);
  if (copy < 0) return false;
  commands = fdopen(fd, "r");
  answers = fdopen(copy, "w");
  return commands && answers && setvbuf(commands, NULL, _IONBF, 0) == 0;
}

int main(int argc, char **argv) {
  unsigned port = 0;
  signal(SIGPIPE, SIG_IGN);
  alarm(IDLE_SECONDS);
  if (argc != 2 || !fault_certificate_make(argv[1])) return 1;
  int listener = listen_on_loopback(0, &port);
  if (listener < 0) return 1;
  printf("control %u\n", port);
  if (fflush(stdout) != 0) return 1;
  bool open = open_control(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
  close(listener);
  if (!open) return 1;
  run();
  end_script();
  return 0;
}
