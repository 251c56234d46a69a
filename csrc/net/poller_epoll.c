#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/poller.h"

enum { AT_ONCE = 64 };

/* What is known of a descriptor, found by its number. */
struct interest {
  unsigned char wanted;
  unsigned char applied; /* what the kernel was told */
  bool ours;             /* opened and closed through us, so a change may wait */
  bool dirty;            /* listed in `changes` */
  bool idle;             /* ours, open, and without a request */
  bool lost;             /* closed behind our back, and not reported yet */
  bool watched;          /* somebody else's, who wants to know when it is readable */
  ino_t inode;           /* of the socket that is ours or watched */
};

struct trail_poller {
  int epoll;
  int timer;
  int64_t armed_us; /* TRAIL_NEVER: the timer is off */
  struct interest *table;
  int *changes; /* as long as the table: each descriptor is listed at most once */
  int capacity;
  int changed;
  ino_t inode; /* of the epoll and the timer: the kernel has one for all such */
  int idle;    /* connections marked so */
  int lost;
  const sigset_t *asleep;
  pthread_mutex_t *lock; /* let go of while asleep */
};

/* ---- the table ---------------------------------------------------------------------------- */

static enum trail_status table_reserve(struct trail_poller *poller, int fd) {
  if (fd < poller->capacity) return TRAIL_OK;
  int capacity = (fd + 64) / 64 * 64 + 64;
  struct interest *table = trail_memory_zalloc((size_t)capacity, sizeof *table);
  int *changes = trail_memory_zalloc((size_t)capacity, sizeof *changes);
  if (!table || !changes) {
    trail_memory_free(table);
    trail_memory_free(changes);
    return TRAIL_NO_MEMORY;
  }
  if (poller->capacity) {
    memcpy(table, poller->table, (size_t)poller->capacity * sizeof *table);
    memcpy(changes, poller->changes, (size_t)poller->changed * sizeof *changes);
  }
  trail_memory_free(poller->table);
  trail_memory_free(poller->changes);
  poller->table = table;
  poller->changes = changes;
  poller->capacity = capacity;
  return TRAIL_OK;
}

static ino_t inode_of(int fd) {
  struct stat is;
  return fd >= 0 && fstat(fd, &is) == 0 ? is.st_ino : 0;
}

static void close_set(struct trail_poller *poller) {
  if (poller->epoll >= 0) close(poller->epoll);
  if (poller->timer >= 0) close(poller->timer);
  poller->epoll = poller->timer = -1;
}

static enum trail_status open_set(struct trail_poller *poller) {
  poller->armed_us = TRAIL_NEVER;
  poller->epoll = epoll_create1(EPOLL_CLOEXEC);
  poller->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = poller->timer};
  if (poller->epoll >= 0 && poller->timer >= 0 &&
      epoll_ctl(poller->epoll, EPOLL_CTL_ADD, poller->timer, &event) == 0)
    return TRAIL_OK;
  close_set(poller);
  return TRAIL_NETWORK;
}

static void not_idle(struct trail_poller *poller, struct interest *it) {
  if (it->idle) poller->idle--;
  it->idle = false;
}

static void not_lost(struct trail_poller *poller, struct interest *it) {
  if (it->lost) poller->lost--;
  it->lost = false;
}

/* A refusal means that the descriptor is gone; libcurl notices by itself when it uses it. */
static bool tell_kernel(struct trail_poller *poller, int fd) {
  struct interest *it = &poller->table[fd];
  if (it->wanted == it->applied) return true;
  struct epoll_event event = {.data.fd = fd};
  if (it->wanted & TRAIL_READABLE) event.events |= EPOLLIN;
  if (it->wanted & TRAIL_WRITABLE) event.events |= EPOLLOUT;
  int operation = !it->applied ? EPOLL_CTL_ADD : it->wanted ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
  bool told = epoll_ctl(poller->epoll, operation, fd, &event) == 0;
  if (!told && errno == ENOENT && it->wanted)
    told = epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
  it->applied = it->wanted;
  return told;
}

static void apply_changes(struct trail_poller *poller) {
  for (int i = 0; i < poller->changed; i++) {
    int fd = poller->changes[i];
    poller->table[fd].dirty = false;
    if (!poller->table[fd].idle) (void)tell_kernel(poller, fd);
  }
  poller->changed = 0;
}

enum trail_status trail_poller_opened(struct trail_poller *poller, int fd) {
  enum trail_status status = table_reserve(poller, fd);
  if (status != TRAIL_OK) return status;
  struct interest *it = &poller->table[fd];
  it->wanted = it->applied = 0;
  not_idle(poller, it);
  not_lost(poller, it);
  it->ours = true;
  it->inode = inode_of(fd);
  return TRAIL_OK;
}

bool trail_poller_closing(struct trail_poller *poller, int fd) {
  if (fd >= poller->capacity) return true;
  struct interest *it = &poller->table[fd];
  bool same = !it->ours || inode_of(fd) == it->inode;
  it->wanted = 0;
  (void)tell_kernel(poller, fd);
  not_idle(poller, it);
  not_lost(poller, it);
  it->ours = false;
  return same;
}

enum trail_status trail_poller_want(struct trail_poller *poller, int fd, unsigned events) {
  enum trail_status status = table_reserve(poller, fd);
  if (status != TRAIL_OK) return status;
  struct interest *it = &poller->table[fd];
  it->wanted = (unsigned char)events;
  if (events) not_idle(poller, it);
  if (!it->ours && !events) { /* the resolver's: closed right after this, behind our back */
    (void)tell_kernel(poller, fd);
  } else if (!it->dirty && it->wanted != it->applied) {
    it->dirty = true;
    poller->changes[poller->changed++] = fd;
  }
  return TRAIL_OK;
}

bool trail_poller_is_open(const struct trail_poller *poller, int fd) {
  return fd >= 0 && fd < poller->capacity && poller->table[fd].ours;
}

void trail_poller_idle(struct trail_poller *poller, int fd) {
  if (fd < 0 || fd >= poller->capacity || !poller->table[fd].ours) return;
  struct interest *it = &poller->table[fd];
  if (it->applied != TRAIL_READABLE || it->wanted || it->idle) return;
  it->idle = true;
  poller->idle++;
}

enum trail_status trail_poller_watch(struct trail_poller *poller, int fd) {
  enum trail_status status = table_reserve(poller, fd);
  if (status != TRAIL_OK) return status;
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
  if (epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event) != 0) return TRAIL_NETWORK;
  poller->table[fd].watched = true;
  poller->table[fd].inode = inode_of(fd);
  return TRAIL_OK;
}

void trail_poller_unwatch(struct trail_poller *poller, int fd) {
  if (fd < 0 || fd >= poller->capacity || !poller->table[fd].watched) return;
  poller->table[fd].watched = false;
  (void)epoll_ctl(poller->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- waiting ------------------------------------------------------------------------------ */

static int milliseconds_up(int64_t us) {
  if (us < 0) return -1;
  int64_t ms = (us + 999) / 1000;
  return ms > 3600000 ? 3600000 : (int)ms;
}

/* Reports an event of an idle connection, once: after this it is out of the set. */
static void report_idle(struct trail_poller *poller, int fd, struct trail_ready *ready) {
  poller->table[fd].idle = false;
  (void)tell_kernel(poller, fd);
  poller->idle--;
  *ready = (struct trail_ready){.fd = fd, .events = TRAIL_UNASKED};
}

static bool is_idle(const struct trail_poller *poller, int fd) {
  return fd < poller->capacity && poller->table[fd].idle;
}

/* The kernel hands out what is ready in turns, so that idle ones behind many busy ones come too. */
int trail_poller_sweep(struct trail_poller *poller, struct trail_ready *ready, int max) {
  struct epoll_event events[AT_ONCE];
  int filled = 0, seen = 0, count = poller->idle ? AT_ONCE : 0;
  while (count == AT_ONCE && filled < max && seen <= poller->capacity) {
    count = epoll_wait(poller->epoll, events, AT_ONCE, 0);
    for (int i = 0; i < count && filled < max; i++)
      if (is_idle(poller, events[i].data.fd))
        report_idle(poller, events[i].data.fd, &ready[filled++]);
    seen += count;
  }
  return filled;
}

static void drain_timer(struct trail_poller *poller) {
  uint64_t expirations;
  (void)!read(poller->timer, &expirations, sizeof expirations);
  poller->armed_us = TRAIL_NEVER;
}

void trail_poller_sleep_with(struct trail_poller *poller, const sigset_t *mask,
                             pthread_mutex_t *lock) {
  poller->asleep = mask;
  poller->lock = lock;
}

static int sleep_until_ready(const struct trail_poller *poller, struct epoll_event *events, int max,
                             int64_t timeout_us) {
  pthread_mutex_t *lock = timeout_us != 0 ? poller->lock : NULL;
  if (lock) pthread_mutex_unlock(lock);
  int count = epoll_pwait(poller->epoll, events, max, milliseconds_up(timeout_us), poller->asleep);
  int problem = errno;
  if (lock) pthread_mutex_lock(lock);
  errno = problem;
  return count;
}

static int report_lost(struct trail_poller *poller, struct trail_ready *ready, int max) {
  int filled = 0;
  for (int fd = 0; fd < poller->capacity && poller->lost && filled < max; fd++) {
    if (!poller->table[fd].lost) continue;
    not_lost(poller, &poller->table[fd]);
    ready[filled++] = (struct trail_ready){.fd = fd, .events = TRAIL_BROKEN};
  }
  return filled;
}

/* Takes the descriptor up into a new set; it is lost where its number is another file's by now. */
static void take_up(struct trail_poller *poller, int fd) {
  struct interest *it = &poller->table[fd];
  unsigned char applied = it->applied, wanted = it->wanted;
  if (!applied) return;
  it->applied = 0;
  it->wanted = applied;
  bool same = !it->ours || inode_of(fd) == it->inode;
  if (same && tell_kernel(poller, fd)) {
    it->wanted = wanted;
    return;
  }
  not_idle(poller, it);
  it->wanted = it->applied = 0;
  if (!it->lost) poller->lost++;
  it->lost = true;
}

/* The numbers of the old set and timer are not ours to close any more. */
static void revive(struct trail_poller *poller) {
  if (open_set(poller) != TRAIL_OK) {
    poll(NULL, 0, 10); /* rather than be asked again at once */
    return;
  }
  for (int fd = 0; fd < poller->capacity; fd++) {
    bool watched = poller->table[fd].watched && inode_of(fd) == poller->table[fd].inode;
    poller->table[fd].watched = false;
    if (watched)
      (void)!trail_poller_watch(poller, fd);
    else
      take_up(poller, fd);
  }
}

static struct trail_ready translate(const struct epoll_event *event) {
  unsigned seen = 0;
  if (event->events & EPOLLIN) seen |= TRAIL_READABLE;
  if (event->events & EPOLLOUT) seen |= TRAIL_WRITABLE;
  if (event->events & (EPOLLERR | EPOLLHUP)) seen |= TRAIL_BROKEN;
  return (struct trail_ready){.fd = event->data.fd, .events = seen};
}

int trail_poller_wait(struct trail_poller *poller, int64_t timeout_us, struct trail_ready *ready,
                      int max) {
  struct epoll_event events[AT_ONCE];
  apply_changes(poller);
  if (poller->lost) return report_lost(poller, ready, max);
  if (max > AT_ONCE) max = AT_ONCE;
  int count = sleep_until_ready(poller, events, max, timeout_us);
  if (count < 0) {
    if (errno == EINTR) return -1;
    revive(poller); /* the set itself was closed */
    return report_lost(poller, ready, max);
  }
  int filled = 0;
  for (int i = 0; i < count; i++) {
    if (events[i].data.fd == poller->timer)
      drain_timer(poller);
    else if (is_idle(poller, events[i].data.fd))
      report_idle(poller, events[i].data.fd, &ready[filled++]);
    else if (poller->table[events[i].data.fd].watched)
      ready[filled++] = (struct trail_ready){.fd = events[i].data.fd, .events = TRAIL_WATCHED};
    else
      ready[filled++] = translate(&events[i]);
  }
  return filled;
}

int trail_poller_fd(const struct trail_poller *poller) { return poller->epoll; }

void trail_poller_arm(struct trail_poller *poller, int64_t at_us) {
  apply_changes(poller);
  if (at_us < 1) at_us = 1; /* zero would switch the timer off */
  if (at_us == poller->armed_us) return;
  struct itimerspec when = {0};
  if (at_us != TRAIL_NEVER) {
    when.it_value.tv_sec = at_us / 1000000;
    when.it_value.tv_nsec = at_us % 1000000 * 1000;
  }
  timerfd_settime(poller->timer, TFD_TIMER_ABSTIME, &when, NULL);
  poller->armed_us = at_us;
}

/* ---- life ---------------------------------------------------------------------------------- */

enum trail_status trail_poller_create(struct trail_poller **out) {
  struct trail_poller *poller = trail_memory_zalloc(1, sizeof *poller);
  *out = NULL;
  if (!poller) return TRAIL_NO_MEMORY;
  enum trail_status status = open_set(poller);
  poller->inode = inode_of(poller->epoll);
  if (status == TRAIL_OK)
    *out = poller;
  else
    trail_poller_destroy(poller);
  return status;
}

void trail_poller_destroy(struct trail_poller *poller) {
  if (!poller) return;
  close_set(poller);
  trail_memory_free(poller->table);
  trail_memory_free(poller->changes);
  trail_memory_free(poller);
}

/* A child that becomes a daemon closes what it inherited, and opens its own files at these numbers.
 */
void trail_poller_abandon(struct trail_poller *poller) {
  for (int fd = 0; fd < poller->capacity; fd++)
    if ((poller->table[fd].ours || poller->table[fd].watched) &&
        inode_of(fd) == poller->table[fd].inode)
      close(fd);
  if (inode_of(poller->epoll) != poller->inode) poller->epoll = -1;
  if (inode_of(poller->timer) != poller->inode) poller->timer = -1;
  trail_poller_destroy(poller);
}
