/* Servers that limit, each in its own way, over simulated time.
 *
 * The guide documents a fixed window; the others are there because a pacer that meets one of them
 * has to behave as well. Times are microseconds of the simulation; `skew_us` makes the server's own
 * clock.
 */
#ifndef TRAIL_SIMULATE_SERVER_H
#define TRAIL_SIMULATE_SERVER_H

#include "policy/pacer.h"

enum server_kind {
  SERVER_GRID,      /* fixed windows on a grid */
  SERVER_FIRST_HIT, /* fixed windows, each begun by its first request */
  SERVER_LOG,       /* a sliding log; Reset is when its oldest entry leaves */
  SERVER_LOG_NOW,   /* the same; Reset is a whole window ahead */
  SERVER_COUNTER,   /* a sliding counter: the last window's count fades out */
  SERVER_BUCKET     /* a token bucket (GCRA) */
};

/* How a time becomes whole seconds; the last two round what is left of the window instead. */
enum server_rounding { ROUND_DOWN, ROUND_UP, ROUND_NEAREST, ROUND_LEFT_DOWN, ROUND_LEFT_UP };

enum { SERVER_LOG_MAX = 4096 };

struct server {
  enum server_kind kind;
  enum server_rounding rounding;
  uint32_t limit;
  int64_t window_us, skew_us, phase_us;
  bool silent; /* sends no rate-limit fields */

  int64_t end_us; /* of the window; -1 before the first */
  uint32_t count, last_count;
  double arrival; /* of the bucket: when it will be full again */
  int64_t log[SERVER_LOG_MAX];
  uint32_t log_first, log_size;

  uint32_t first_limit; /* what the shares below are of, whatever the limit became */
  uint32_t accepted, refused;
  uint32_t windows; /* complete ones, the first left out */
  double used_sum, used_min;
};

void server_start(struct server *server);

/* One request; a stranger's refusal is not counted. */
struct trail_pacer_answer server_ask(struct server *server, int64_t now_us, bool stranger);

/* The share of the budget that was used in `duration_us`: where there are windows, in the
 * complete ones. */
double server_used(const struct server *server, int64_t duration_us);

#endif
