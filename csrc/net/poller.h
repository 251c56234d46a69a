/* Readiness of descriptors and one timer, behind one pollable descriptor. One file per backend.
 *
 * Interest is recorded at once and handed to the kernel only just before waiting, and only where it
 * differs from what the kernel has: libcurl drops and takes up interest in a kept-alive connection
 * with each request, which so costs no system call. A close is never deferred: a descriptor leaves
 * the set before its number can be used again. The poller knows which sockets are ours, so that a
 * child can close its copies; and it survives a program that closes every descriptor it finds,
 * after which those sockets are reported as broken.
 */
#ifndef TRAIL_NET_POLLER_H
#define TRAIL_NET_POLLER_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum {
  TRAIL_READABLE = 1,
  TRAIL_WRITABLE = 2,
  TRAIL_BROKEN = 4,
  TRAIL_UNASKED = 8,
  TRAIL_WATCHED = 16
};

struct trail_ready {
  int fd;
  unsigned events;
};

struct trail_poller;

TRAIL_MUST_USE enum trail_status trail_poller_create(struct trail_poller **out);
void trail_poller_destroy(struct trail_poller *poller); /* closes no socket but its own */

/* For the child of a fork: closes its copies of every descriptor, and leaves the parent's set
 * untouched. */
void trail_poller_abandon(struct trail_poller *poller);

TRAIL_MUST_USE enum trail_status trail_poller_opened(struct trail_poller *poller, int fd);
/* False where the number is not that socket's any more, and not ours to close. */
bool trail_poller_closing(struct trail_poller *poller, int fd);

/* `events` of TRAIL_READABLE and TRAIL_WRITABLE; 0 drops the interest. */
TRAIL_MUST_USE enum trail_status trail_poller_want(struct trail_poller *poller, int fd,
                                                   unsigned events);

bool trail_poller_is_open(const struct trail_poller *poller, int fd);

/* An open connection without a request: what becomes readable on it was not asked for. Until it is
 * wanted again it stays in the set, and its readiness is reported as TRAIL_UNASKED. */
void trail_poller_idle(struct trail_poller *poller, int fd);

/* A descriptor that is no connection of libcurl's: it is reported as TRAIL_WATCHED as long as it is
 * readable or its other end is gone. */
TRAIL_MUST_USE enum trail_status trail_poller_watch(struct trail_poller *poller, int fd);
void trail_poller_unwatch(struct trail_poller *poller, int fd); /* before it is closed */

/* How the waits from now on sleep, both borrowed. The signal mask; NULL: the thread's own. A lock
 * that the thread holds and lets go of for the sleep alone; NULL: none. */
void trail_poller_sleep_with(struct trail_poller *poller, const sigset_t *mask,
                             pthread_mutex_t *lock);

/* Waits at most `timeout_us` (negative: without end) and fills up to `max` of `ready`.
 * Returns how many, 0 when the time ran out, -1 when a signal came. */
int trail_poller_wait(struct trail_poller *poller, int64_t timeout_us, struct trail_ready *ready,
                      int max);

/* Fills `ready` with the idle connections only that are readable now; without waiting. Returns how
 * many. */
int trail_poller_sweep(struct trail_poller *poller, struct trail_ready *ready, int max);

/* For a host's loop: the descriptor is readable when a socket is ready or boot time `at_us` has
 * come. */
int trail_poller_fd(const struct trail_poller *poller);
void trail_poller_arm(struct trail_poller *poller, int64_t at_us);

#endif
