/* Calls by the time they next need attention: a binary heap whose elements know their place.
 *
 * Places are reserved when a call is submitted, so setting a timer later cannot fail.
 */
#ifndef TRAIL_ENGINE_TIMERS_H
#define TRAIL_ENGINE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define TRAIL_TIMER_UNSET SIZE_MAX

struct trail_timer {
  int64_t at_us;
  size_t place; /* TRAIL_TIMER_UNSET: not in the heap */
};

struct trail_timers {
  struct trail_timer **heap;
  size_t count, capacity;
};

TRAIL_MUST_USE enum trail_status trail_timers_reserve(struct trail_timers *timers, size_t count);
void trail_timers_clear(struct trail_timers *timers);

void trail_timers_set(struct trail_timers *timers, struct trail_timer *timer, int64_t at_us);
void trail_timers_unset(struct trail_timers *timers, struct trail_timer *timer);
struct trail_timer *trail_timers_first(const struct trail_timers *timers); /* NULL: none */

#endif
