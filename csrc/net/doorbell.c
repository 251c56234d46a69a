#include "net/doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

enum { LINE_MAX_SIZE = 72, BUCKETS = 256, BACKLOG = 4096, DEAF_FOR_US = 50000 };

struct guest {
  int fd;
  bool waits;         /* for the answer to its line */
  bool deaf;          /* left before it had taken its answer */
  uint64_t waiter;    /* the last one that used it, found in the table by it; 0: nobody */
  int64_t until_us;   /* TRAIL_NEVER */
  struct guest *next; /* of the same bucket */
  size_t filled;
  char line[LINE_MAX_SIZE];
};

struct trail_doorbell {
  struct trail_transport *transport;
  int listener;
  int place; /* O_PATH: what the address leads through; -1: nothing, the name is abstract */
  ino_t inode;
  char address[64];
  int64_t deaf_until_us; /* TRAIL_NEVER: it is not, the listener is watched */
  bool starved;          /* no descriptor was left to open it with */
  int spare;             /* the listener once more: its place is for who comes when none is left */
  ino_t spare_inode;
  struct guest **guests; /* by descriptor */
  int capacity;
  struct guest *known[BUCKETS]; /* by waiter; each has its latest connection alone */
  unsigned timed;               /* of them those that wait for a time, too */
};

/* ---- the socket ------------------------------------------------------------------------------ */

static const char *const folders[] = {"", "/tmp", "/dev/shm", "/var/tmp", "/run"};

const char *trail_doorbell_fault(enum trail_doorbell_kind kind) {
  return kind == TRAIL_DOORBELL_ABSTRACT
             ? "no socket can be opened"
             : "no folder can hold a socket for a moment; tried: TMPDIR, /tmp, /dev/shm, /var/tmp, "
               "/run";
}

static int note_starved(struct trail_doorbell *bell, int fd) {
  if (fd < 0) bell->starved = errno == EMFILE || errno == ENFILE;
  return fd;
}

static bool listen_at(struct trail_doorbell *bell, const struct sockaddr_un *at) {
  bell->listener =
      note_starved(bell, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return bell->listener >= 0 &&
         bind(bell->listener, (const struct sockaddr *)at, sizeof *at) == 0 &&
         listen(bell->listener, BACKLOG) == 0;
}

static bool stop_listening(struct trail_doorbell *bell) {
  if (bell->listener >= 0) close(bell->listener);
  bell->listener = -1;
  return false;
}

static ino_t inode_of(int fd) {
  struct stat is;
  return fd >= 0 && fstat(fd, &is) == 0 ? is.st_ino : 0;
}

/* `path` is that of the socket, in a folder that is its last but one part. */
static bool bind_in(struct trail_doorbell *bell, const char *parent) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  char folder[sizeof at.sun_path];
  int size = snprintf(folder, sizeof folder, "%s/trailmark-XXXXXX", parent);
  if (size < 0 || (size_t)size + 2 >= sizeof folder || !mkdtemp(folder)) return false;
  snprintf(at.sun_path, sizeof at.sun_path, "%.*s/s", (int)sizeof at.sun_path - 3, folder);
  bool bound = listen_at(bell, &at);
  if (bound) bell->place = note_starved(bell, open(at.sun_path, O_PATH | O_CLOEXEC | O_NOFOLLOW));
  (void)unlink(at.sun_path);
  (void)rmdir(folder);
  if (!bound || bell->place < 0) return stop_listening(bell);
  bell->inode = inode_of(bell->place);
  snprintf(bell->address, sizeof bell->address, "unix:/proc/self/fd/%d", bell->place);
  return true;
}

static bool bind_somewhere(struct trail_doorbell *bell) {
  const char *chosen = getenv("TMPDIR");
  for (size_t i = 0; !bell->starved && i < sizeof folders / sizeof *folders; i++) {
    const char *parent = *folders[i] ? folders[i] : chosen;
    if (parent && *parent == '/' && bind_in(bell, parent)) return true;
  }
  return false;
}

/* HAProxy connects to a name that fills its place, with NULs at its end. */
static bool bind_abstract(struct trail_doorbell *bell) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(bell->address, sizeof bell->address, "abns@trailmark-%08x%08x%08x%08x",
           trail_random_u32(), trail_random_u32(), trail_random_u32(), trail_random_u32());
  const char *name = strchr(bell->address, '@') + 1;
  memcpy(at.sun_path + 1, name, strlen(name));
  return listen_at(bell, &at) || stop_listening(bell);
}

/* ---- who waits ------------------------------------------------------------------------------- */

static struct guest **place_of(struct trail_doorbell *bell, uint64_t waiter) {
  struct guest **at = &bell->known[waiter % BUCKETS];
  while (*at && (*at)->waiter != waiter) at = &(*at)->next;
  return at;
}

static void end_wait(struct trail_doorbell *bell, struct guest *guest) {
  if (guest->waits) bell->timed -= guest->until_us != TRAIL_NEVER;
  guest->waits = false;
}

static void forget(struct trail_doorbell *bell, struct guest *guest) {
  end_wait(bell, guest);
  if (!guest->waiter) return;
  *place_of(bell, guest->waiter) = guest->next;
  guest->waiter = 0;
}

static void enlist(struct trail_doorbell *bell, struct guest *guest, uint64_t waiter) {
  if (guest->waiter != waiter) {
    struct guest *earlier = *place_of(bell, waiter);
    if (earlier) forget(bell, earlier);
    forget(bell, guest);
    struct guest **bucket = &bell->known[waiter % BUCKETS];
    guest->waiter = waiter;
    guest->next = *bucket;
    *bucket = guest;
  }
  guest->waits = true;
  bell->timed += guest->until_us != TRAIL_NEVER;
}

/* ---- guests ---------------------------------------------------------------------------------- */

static bool reserve(struct trail_doorbell *bell, int fd) {
  if (fd < bell->capacity) return true;
  int capacity = (fd + 64) / 64 * 64 + 64;
  struct guest **more = trail_memory_zalloc((size_t)capacity, sizeof(struct guest *));
  if (!more) return false;
  if (bell->capacity) memcpy(more, bell->guests, (size_t)bell->capacity * sizeof *more);
  trail_memory_free(bell->guests);
  bell->guests = more;
  bell->capacity = capacity;
  return true;
}

static bool is_of_this_process(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

static void let_in(struct trail_doorbell *bell, int fd) {
  struct guest *guest = NULL;
  if (is_of_this_process(fd) && reserve(bell, fd)) guest = trail_memory_zalloc(1, sizeof *guest);
  if (!guest || bell->transport->ops->watch(bell->transport, fd) != TRAIL_OK) {
    trail_memory_free(guest);
    close(fd);
    return;
  }
  guest->fd = fd;
  bell->guests[fd] = guest;
}

static int keep_spare(struct trail_doorbell *bell) {
  if (bell->spare < 0) bell->spare = fcntl(bell->listener, F_DUPFD_CLOEXEC, 0);
  return bell->spare;
}

static void listen_again(struct trail_doorbell *bell) {
  (void)keep_spare(bell);
  bool listens = bell->transport->ops->watch(bell->transport, bell->listener) == TRAIL_OK;
  bell->deaf_until_us = listens ? TRAIL_NEVER : trail_clock_boot_us() + DEAF_FOR_US;
}

static void show_out(struct trail_doorbell *bell, struct guest *guest) {
  forget(bell, guest);
  bell->guests[guest->fd] = NULL;
  bell->transport->ops->unwatch(bell->transport, guest->fd);
  close(guest->fd);
  trail_memory_free(guest);
  if (bell->deaf_until_us != TRAIL_NEVER) listen_again(bell); /* a descriptor is free */
}

static int let_knock(const struct trail_doorbell *bell) {
  return accept4(bell->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Without a descriptor for him, a visitor would wait for as long as that lasts. So he is sent away,
 * unless there is one again, and looks for himself from time to time. */
static bool turn_away(struct trail_doorbell *bell) {
  if (bell->spare < 0) return false;
  close(bell->spare);
  bell->spare = -1;
  int fd = let_knock(bell), problem = errno;
  bool room = keep_spare(bell) >= 0; /* by now */
  if (fd >= 0 && room)
    let_in(bell, fd);
  else if (fd >= 0)
    close(fd);
  (void)keep_spare(bell);
  errno = problem;
  return fd >= 0;
}

/* The listener would stay readable, and we would spin. */
static void go_deaf(struct trail_doorbell *bell) {
  bell->transport->ops->unwatch(bell->transport, bell->listener);
  bell->deaf_until_us = trail_clock_boot_us() + DEAF_FOR_US;
}

/* False: that was all, or all that can be done now. */
static bool answer_one(struct trail_doorbell *bell) {
  int fd = let_knock(bell);
  if (fd >= 0) let_in(bell, fd);
  if (fd >= 0 || ((errno == EMFILE || errno == ENFILE) && turn_away(bell))) return true;
  if (errno == EINTR || errno == ECONNABORTED) return true;
  if (errno != EAGAIN) go_deaf(bell); /* no memory, or somebody took the spare's place */
  return false;
}

static void answer_door(struct trail_doorbell *bell) {
  while (answer_one(bell)) continue;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool read_number(const char **at, char end, uint64_t *number) {
  const char *from = *at;
  for (*number = 0; **at >= '0' && **at <= '9'; (*at)++)
    *number = *number * 10 + (uint64_t)(**at - '0');
  return *at > from && *at - from <= 19 && *(*at)++ == end;
}

static bool read_line(struct guest *guest, struct trail_doorbell_ring *ring) {
  const char *at = guest->line;
  uint64_t until_us;
  guest->filled = 0;
  if (!read_number(&at, ' ', &ring->waiter) || !read_number(&at, ' ', &ring->seen) ||
      !read_number(&at, '\n', &until_us) || !ring->waiter || until_us > INT64_MAX)
    return false;
  guest->until_us = until_us ? (int64_t)until_us : TRAIL_NEVER;
  return true;
}

/* One line is answered before the next is sent, so what follows a line is as wrong as one too long.
 * False: the guest has left, or has to. */
static bool listen_to(struct guest *guest, bool *whole) {
  size_t room = sizeof guest->line - guest->filled;
  ssize_t size = recv(guest->fd, guest->line + guest->filled, room, 0);
  *whole = false;
  guest->deaf |= size < 0 && errno == ECONNRESET; /* what Linux says where an answer lay unread */
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  guest->filled += (size_t)size;
  const char *end = memchr(guest->line, '\n', guest->filled);
  *whole = end && end + 1 == guest->line + guest->filled;
  if (end) return *whole;
  return size > 0 && guest->filled < sizeof guest->line;
}

bool trail_doorbell_hear(struct trail_doorbell *bell, int fd, struct trail_doorbell_ring *ring) {
  bool whole;
  if (fd == bell->listener) answer_door(bell);
  struct guest *guest = fd >= 0 && fd < bell->capacity ? bell->guests[fd] : NULL;
  if (!guest) return false;
  *ring = (struct trail_doorbell_ring){0};
  if (listen_to(guest, &whole) && !whole) return false;
  if (whole && !guest->waits && read_line(guest, ring)) {
    enlist(bell, guest, ring->waiter);
    return true;
  }
  /* One that has its answer is the host's to keep or to close. */
  *ring = (struct trail_doorbell_ring){
      .waiter = guest->waiter, .gone = true, .waited = guest->waits || guest->deaf};
  show_out(bell, guest);
  return true;
}

static void say(struct trail_doorbell *bell, struct guest *guest) {
  char line[24];
  int size = snprintf(line, sizeof line, "%llu\n", (unsigned long long)guest->waiter);
  end_wait(bell, guest);
  /* It never fills: one line is read before the next is asked for. Who is gone is shown out when its
   * end is read. */
  bool sent = send(guest->fd, line, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
  guest->deaf |= !sent && errno == EPIPE;
}

void trail_doorbell_answer(struct trail_doorbell *bell, uint64_t waiter) {
  struct guest *guest = *place_of(bell, waiter);
  if (guest && guest->waits) say(bell, guest);
}

void trail_doorbell_ring(struct trail_doorbell *bell, uint64_t waiter) {
  struct guest *guest = *place_of(bell, waiter);
  if (guest) say(bell, guest);
}

int64_t trail_doorbell_wake_us(const struct trail_doorbell *bell) {
  int64_t first_us = bell->deaf_until_us;
  for (int fd = 0; bell->timed && fd < bell->capacity; fd++) {
    const struct guest *guest = bell->guests[fd];
    if (guest && guest->waits && guest->until_us < first_us) first_us = guest->until_us;
  }
  return first_us;
}

void trail_doorbell_advance(struct trail_doorbell *bell, int64_t now_us) {
  if (bell->deaf_until_us <= now_us) listen_again(bell);
  for (int fd = 0; bell->timed && fd < bell->capacity; fd++) {
    struct guest *guest = bell->guests[fd];
    if (guest && guest->waits && guest->until_us <= now_us) say(bell, guest);
  }
}

const char *trail_doorbell_address(const struct trail_doorbell *bell) { return bell->address; }

/* ---- life ------------------------------------------------------------------------------------ */

enum trail_status trail_doorbell_open(struct trail_transport *transport,
                                      enum trail_doorbell_kind kind, struct trail_doorbell **out) {
  struct trail_doorbell *bell = trail_memory_zalloc(1, sizeof *bell);
  *out = NULL;
  if (!bell) return TRAIL_NO_MEMORY;
  bell->transport = transport;
  bell->listener = bell->place = bell->spare = -1;
  bool bound = kind == TRAIL_DOORBELL_ABSTRACT ? bind_abstract(bell) : bind_somewhere(bell);
  enum trail_status status = bound ? TRAIL_OK : bell->starved ? TRAIL_NETWORK : TRAIL_CONFIG;
  if (bound && note_starved(bell, keep_spare(bell)) < 0) status = TRAIL_NETWORK;
  if (status == TRAIL_OK) status = transport->ops->watch(transport, bell->listener);
  if (status != TRAIL_OK) {
    trail_doorbell_close(bell);
    return status;
  }
  bell->deaf_until_us = TRAIL_NEVER;
  bell->spare_inode = inode_of(bell->spare);
  *out = bell;
  return TRAIL_OK;
}

static void free_guests(struct trail_doorbell *bell) {
  for (int fd = 0; fd < bell->capacity; fd++) trail_memory_free(bell->guests[fd]);
  trail_memory_free(bell->guests);
}

void trail_doorbell_close(struct trail_doorbell *bell) {
  if (!bell) return;
  for (int fd = 0; fd < bell->capacity; fd++)
    if (bell->guests[fd]) show_out(bell, bell->guests[fd]);
  if (bell->deaf_until_us == TRAIL_NEVER)
    bell->transport->ops->unwatch(bell->transport, bell->listener);
  if (bell->listener >= 0) close(bell->listener);
  if (bell->place >= 0) close(bell->place);
  if (bell->spare >= 0) close(bell->spare);
  free_guests(bell);
  trail_memory_free(bell);
}

void trail_doorbell_abandon(struct trail_doorbell *bell) {
  if (!bell) return;
  if (bell->place >= 0 && inode_of(bell->place) == bell->inode)
    close(bell->place); /* the others went with the transport */
  if (bell->spare >= 0 && inode_of(bell->spare) == bell->spare_inode) close(bell->spare);
  free_guests(bell);
  trail_memory_free(bell);
}
