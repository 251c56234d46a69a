/* When the next attempt may start.
 *
 * Full jitter: a wait is drawn evenly from nothing up to a ceiling that doubles with every retry,
 * so that clients which failed together do not return together. A server's Retry-After is a floor:
 * jitter only ever adds to it. The clock and the random number are parameters.
 */
#ifndef TRAIL_POLICY_BACKOFF_H
#define TRAIL_POLICY_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct trail_backoff {
  uint32_t base_ms; /* the first ceiling */
  uint32_t cap_ms;  /* the last */
};

struct trail_backoff_case {
  uint32_t retry;   /* 1 for the first retry */
  uint32_t random;  /* evenly over its whole range */
  int64_t floor_ms; /* what the server asked for; -1 when it did not */
  int64_t now_ms;   /* any clock, the deadline's */
  int64_t deadline_ms;
};

struct trail_backoff_plan {
  bool fits;       /* an attempt can start before the deadline */
  int64_t wait_ms; /* from now; where it does not fit, what would have been needed at least */
};

/* The wait without a floor: evenly in [0, min(cap, base * 2^(retry - 1))]. */
int64_t trail_backoff_wait_ms(struct trail_backoff backoff, uint32_t retry, uint32_t random);

/* With a floor: the floor, and up to a tenth of it (at least base, at most cap) on top. Jitter
 * alone never makes a floor miss the deadline. A wait that leaves no time at all for the attempt
 * does not fit. */
struct trail_backoff_plan trail_backoff_plan(struct trail_backoff backoff,
                                             const struct trail_backoff_case *at);

#endif
