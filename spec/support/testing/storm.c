/* A server whose connections die at random bytes, for tens of thousands of writes.
 *
 * It runs in a process of its own until that is ended. A request that has an X-Test-Id is counted
 * under that number: how often its head came by (`copies`), how often it acted (`effects`: once for
 * each Idempotency-Key, always without one), how often its key was another than before
 * (`other_keys`), and how often the answer's whole head was sent. Which exchange dies, where, and
 * whether by a reset, an end or by silence, follows from the seed. GET /report tells all of it, GET
 * /calm lets everything live from then on.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "testing.h"

enum { MOST_CONNECTIONS = 1000, HEAD_MAX = 8192, KEY_MAX = 64, LINE_MAX_SIZE = 160 };

struct written {
  unsigned copies, effects, other_keys, heads_sent;
  char key[KEY_MAX]; /* "": none yet */
};

enum fate { LIVES, RESET, ENDED, SILENT };

struct exchange {
  char head[HEAD_MAX + 1];
  size_t head_size; /* of `head` filled */
  size_t received;  /* of the whole request */
  size_t expected;  /* its size; 0 until the head is complete */
  size_t dies_at;   /* byte of request and answer together */
  enum fate fate;
};

struct connection {
  int fd;
  struct exchange exchange;
};

struct storm {
  int listener;
  uint64_t random;
  unsigned kill_percent;
  unsigned killed, silent;
  struct written *written;
  size_t most;
  struct connection *connections[MOST_CONNECTIONS];
};

/* xorshift64: the same storm for the same seed. */
static unsigned draw(struct storm *storm, unsigned below) {
  storm->random ^= storm->random << 13;
  storm->random ^= storm->random >> 7;
  storm->random ^= storm->random << 17;
  return (unsigned)((storm->random >> 32) % below);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void drop(struct storm *storm, int place) {
  close(storm->connections[place]->fd);
  free(storm->connections[place]);
  storm->connections[place] = NULL;
}

static void kill_connection(struct storm *storm, int place, enum fate fate) {
  int fd = storm->connections[place]->fd;
  storm->killed++;
  if (fate == RESET) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  } else {
    shutdown(fd, SHUT_WR);
  }
  drop(storm, place);
}

/* False where the client is gone. */
static bool send_all(int fd, const char *bytes, size_t size) {
  while (size) {
    ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes += count;
    size -= (size_t)count;
  }
  return true;
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool field(const struct exchange *exchange, const char *name, char *value, size_t room) {
  const char *at = strcasestr(exchange->head, name);
  if (!at) return false;
  at += strlen(name);
  size_t size = strcspn(at, "\r");
  if (size >= room) size = room - 1;
  memcpy(value, at, size);
  value[size] = '\0';
  return true;
}

/* NULL for a request that is not counted. */
static struct written *written_of(struct storm *storm, const struct exchange *exchange) {
  char text[16];
  if (!field(exchange, "\r\nX-Test-Id: ", text, sizeof text)) return NULL;
  unsigned long id = strtoul(text, NULL, 10);
  return id < storm->most ? &storm->written[id] : NULL;
}

static void act(struct written *written, const struct exchange *exchange) {
  char key[KEY_MAX];
  if (!field(exchange, "\r\nIdempotency-Key: ", key, sizeof key)) {
    written->effects++;
    return;
  }
  if (strcmp(written->key, key) == 0) return; /* a repetition */
  if (written->key[0]) written->other_keys++;
  memcpy(written->key, key, sizeof key);
  written->effects++;
}

/* Draws what becomes of an exchange whose request is so long. */
static void draw_fate(struct storm *storm, struct exchange *exchange, size_t answer_size) {
  if (draw(storm, 100) >= storm->kill_percent) return;
  unsigned how = draw(storm, 100);
  exchange->fate = how < 4 ? SILENT : how < 52 ? RESET : ENDED;
  exchange->dies_at = draw(storm, (unsigned)(exchange->expected + answer_size));
}

static int write_answer(char line[LINE_MAX_SIZE], const char *body) {
  return snprintf(line, LINE_MAX_SIZE,
                  "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
                  "Content-Length: %zu\r\n\r\n%s",
                  strlen(body), body);
}

/* ---- reports --------------------------------------------------------------------------------- */

static void report(struct storm *storm, int fd) {
  char *body = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&body, &size);
  fprintf(out, "killed %u silent %u\n", storm->killed, storm->silent);
  for (size_t id = 0; id < storm->most; id++) {
    const struct written *written = &storm->written[id];
    fprintf(out, "%zu %u %u %u %u %s\n", id, written->copies, written->effects,
            written->other_keys, written->heads_sent, written->key[0] ? written->key : "-");
  }
  fclose(out);
  char head[LINE_MAX_SIZE];
  int head_size = snprintf(head, sizeof head,
                           "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                           size);
  if (send_all(fd, head, (size_t)head_size)) send_all(fd, body, size);
  free(body);
}

/* True where the request was one of ours, and is answered. */
static bool command(struct storm *storm, int place) {
  struct connection *connection = storm->connections[place];
  const char *head = connection->exchange.head;
  bool calm = strncmp(head, "GET /calm", 9) == 0;
  if (!calm && strncmp(head, "GET /report", 11) != 0) return false;
  if (calm) storm->kill_percent = 0;
  report(storm, connection->fd);
  drop(storm, place);
  return true;
}

/* ---- an exchange ----------------------------------------------------------------------------- */

/* The head is complete: from now on it is known how long the request is, and whether it dies. */
static void begin(struct storm *storm, struct exchange *exchange, const char *end) {
  char text[24], answer[LINE_MAX_SIZE];
  size_t body = field(exchange, "\r\nContent-Length: ", text, sizeof text)
                    ? strtoul(text, NULL, 10)
                    : 0;
  exchange->expected = (size_t)(end + 4 - exchange->head) + body;
  draw_fate(storm, exchange, (size_t)write_answer(answer, "{\"done\":true}"));
  struct written *written = written_of(storm, exchange);
  if (written) written->copies++;
}

static void answer_request(struct storm *storm, int place) {
  struct connection *connection = storm->connections[place];
  struct exchange *exchange = &connection->exchange;
  struct written *written = written_of(storm, exchange);
  char line[LINE_MAX_SIZE];
  size_t size = (size_t)write_answer(line, "{\"done\":true}");
  if (written) act(written, exchange);
  size_t sent = exchange->fate == LIVES ? size : exchange->dies_at - exchange->expected;
  bool there = send_all(connection->fd, line, sent);
  if (written && there && sent >= (size_t)(strstr(line, "\r\n\r\n") + 4 - line))
    written->heads_sent++;
  if (exchange->fate == LIVES && there)
    memset(exchange, 0, sizeof *exchange);
  else
    kill_connection(storm, place, exchange->fate);
}

/* More of the request has come. A silent exchange reads on and says nothing; whether it acts is as
 * random as the byte it would have died at. */
static void go_on(struct storm *storm, int place) {
  struct exchange *exchange = &storm->connections[place]->exchange;
  if (!exchange->expected) {
    const char *end = strstr(exchange->head, "\r\n\r\n");
    if (!end || command(storm, place)) return;
    begin(storm, exchange, end);
  }
  bool whole = exchange->received >= exchange->expected;
  if (exchange->fate == SILENT) {
    struct written *written = written_of(storm, exchange);
    if (!whole) return;
    storm->silent++;
    if (written && exchange->dies_at % 2) act(written, exchange);
  } else if (exchange->fate != LIVES && exchange->dies_at < exchange->expected) {
    if (exchange->received >= exchange->dies_at) kill_connection(storm, place, exchange->fate);
  } else if (whole) {
    answer_request(storm, place);
  }
}

static void receive(struct storm *storm, int place) {
  static char bytes[65536];
  struct connection *connection = storm->connections[place];
  struct exchange *exchange = &connection->exchange;
  ssize_t count = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    drop(storm, place);
    return;
  }
  size_t kept = HEAD_MAX - exchange->head_size;
  if (exchange->expected) kept = 0;
  if (kept > (size_t)count) kept = (size_t)count;
  memcpy(exchange->head + exchange->head_size, bytes, kept);
  exchange->head_size += kept;
  exchange->received += (size_t)count;
  go_on(storm, place);
}

/* ---- the server ------------------------------------------------------------------------------ */

/* One connection in fifty is killed before anything of it is read. */
static void accept_one(struct storm *storm) {
  int place = 0, fd = accept(storm->listener, NULL, NULL);
  if (fd < 0) return;
  while (place < MOST_CONNECTIONS && storm->connections[place]) place++;
  struct connection *connection = place < MOST_CONNECTIONS ? calloc(1, sizeof *connection) : NULL;
  if (!connection) {
    close(fd);
    return;
  }
  connection->fd = fd;
  storm->connections[place] = connection;
  if (storm->kill_percent && draw(storm, 50) == 0)
    kill_connection(storm, place, draw(storm, 2) ? RESET : ENDED);
}

static void run(struct storm *storm) {
  for (;;) {
    struct pollfd ready[MOST_CONNECTIONS + 1] = {{.fd = storm->listener, .events = POLLIN}};
    for (int i = 0; i < MOST_CONNECTIONS; i++)
      ready[i + 1] = (struct pollfd){
          .fd = storm->connections[i] ? storm->connections[i]->fd : -1, .events = POLLIN};
    if (poll(ready, MOST_CONNECTIONS + 1, -1) < 0) continue;
    for (int i = 0; i < MOST_CONNECTIONS; i++)
      if (ready[i + 1].revents) receive(storm, i);
    if (ready[0].revents) accept_one(storm);
  }
}

/* serve(listener, most, kill_percent, seed): never returns; test ids are below `most` */
static int serve(lua_State *L) {
  static struct storm here;
  struct storm *storm = &here;
  storm->listener = (int)luaL_checkinteger(L, 1);
  storm->most = (size_t)luaL_checkinteger(L, 2);
  storm->kill_percent = (unsigned)luaL_checkinteger(L, 3);
  storm->random = (uint64_t)luaL_checkinteger(L, 4) * UINT64_C(0x9E3779B97F4A7C15) + 1;
  storm->written = calloc(storm->most, sizeof *storm->written);
  if (!storm->written) return luaL_error(L, "no memory");
  run(storm);
  return 0;
}

const luaL_Reg trail_testing_storm[] = {{"serve", serve}, {NULL, NULL}};
