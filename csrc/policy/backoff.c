#include "policy/backoff.h"

/* Evenly in [0, most]. */
static int64_t draw(int64_t most, uint32_t random) {
  return (int64_t)(((uint64_t)most + 1) * random >> 32);
}

static int64_t at_most(int64_t value, int64_t most) { return value < most ? value : most; }

static int64_t ceiling_ms(struct trail_backoff backoff, uint32_t retry) {
  uint64_t ceiling = backoff.base_ms;
  for (uint32_t i = 1; i < retry && ceiling && ceiling < backoff.cap_ms; i++) ceiling *= 2;
  return at_most((int64_t)ceiling, backoff.cap_ms);
}

int64_t trail_backoff_wait_ms(struct trail_backoff backoff, uint32_t retry, uint32_t random) {
  return draw(ceiling_ms(backoff, retry), random);
}

static int64_t jitter_ms(struct trail_backoff backoff, int64_t floor_ms) {
  int64_t tenth = floor_ms / 10;
  return at_most(tenth > backoff.base_ms ? tenth : backoff.base_ms, backoff.cap_ms);
}

struct trail_backoff_plan trail_backoff_plan(struct trail_backoff backoff,
                                             const struct trail_backoff_case *at) {
  int64_t left_ms = at->deadline_ms - at->now_ms;
  int64_t wait_ms;
  if (at->floor_ms < 0) {
    wait_ms = trail_backoff_wait_ms(backoff, at->retry, at->random);
  } else if (at->floor_ms < left_ms) {
    int64_t jitter = at_most(jitter_ms(backoff, at->floor_ms), left_ms - at->floor_ms - 1);
    wait_ms = at->floor_ms + draw(jitter, at->random);
  } else {
    wait_ms = at->floor_ms;
  }
  return (struct trail_backoff_plan){.fits = wait_ms < left_ms, .wait_ms = wait_ms};
}
