/* A world in simulated time: processes with callers, a network with tails, a killer, strangers.
 *
 * Processes of one machine share one pacing state; only the head of each one's queue waits.
 * Everything random comes from the seed, so a run can be repeated.
 */
#ifndef TRAIL_SIMULATE_WORLD_H
#define TRAIL_SIMULATE_WORLD_H

#include "server.h"

#define WORLD_PROCESSES_MAX 16

struct scenario {
  enum server_kind kind;
  enum server_rounding rounding;
  uint32_t limit; /* default 600 */
  double window;  /* seconds; default 60 */
  double clock;   /* of the server, seconds ahead of true */
  bool silent;

  uint32_t processes, callers, machines; /* default 8, 4 each, 1 */
  struct trail_pacer_config config;
  uint32_t high_processes; /* the first ones are of high priority */
  double demand;           /* requests a second by all callers together; 0: as many as they may */
  double duration;         /* seconds; default 600 */
  double round_trip;       /* seconds; default 0.03 */
  bool no_tail;

  double kill_every;     /* seconds */
  double refused_share;  /* of requests that never leave and are given back */
  double strangers;      /* requests a second */
  double wrong_date;     /* seconds off, on one answer in fifty */
  double change_at;      /* seconds; then: */
  uint32_t change_limit; /*   the limit, */
  double change_clock;   /*   the server's clock, by that much */
};

struct outcome {
  double used, used_min;
  uint32_t refused, sent, windows;
  double first_hundred; /* seconds until the server had accepted 100 */
};

/* False where memory is short. */
bool world_run(const struct scenario *scenario, uint64_t seed, struct outcome *outcome);

#endif
