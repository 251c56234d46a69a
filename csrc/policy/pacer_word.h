/* The words of a pacing state, unpacked. For pacer*.c alone.
 *
 * Each function reads or makes one word; a decision reads several, one after the other, and they
 * may be of different moments. That is sound because every change is made against the very word it
 * was derived from, and a word alone always means something.
 */
#ifndef TRAIL_POLICY_PACER_WORD_H
#define TRAIL_POLICY_PACER_WORD_H

#include "policy/pacer.h"

#define TRAIL_PACER_WINDOW_MAX_S (31 * INT64_C(86400)) /* the longest that is believed */

/* Names of windows that are no Reset. */
enum { TRAIL_PACER_UNKNOWN = 0, TRAIL_PACER_LOCAL = 1 };

enum {
  /* A window began before the last one can have ended: the server keeps a log that slides, its
   * Reset moves with every request, and sends are spread evenly instead of by what is left. */
  TRAIL_PACER_ROLLING = 1,
  /* This window has refused: what is left is not what we count, so only probes go. */
  TRAIL_PACER_REFUSED = 2,
  /* A probe was refused after its window's end: the server rounds Reset down, so wait a second
   * more. */
  TRAIL_PACER_LATE = 4,
};

struct trail_pacer_window {
  uint32_t name, used;
};

struct trail_pacer_budget {
  uint32_t limit;
  uint32_t strangers; /* 24 bits */
  uint8_t flags;
};

/* Server minus local time; a word of 0 is no clock at all. */
struct trail_pacer_clock {
  int64_t low_ms, high_ms;
};

/* A window of our own: local ms of its begin in 40 bits, sends in 24. */
struct trail_pacer_own {
  int64_t began_ms;
  uint32_t sent;
};

#define TRAIL_PACER_24_BITS 0xffffffu

static inline uint64_t trail_pacer_word_read(const _Atomic uint64_t *word) {
  return atomic_load_explicit((_Atomic uint64_t *)word, memory_order_acquire);
}

/* On failure `seen` is what stands there instead. */
static inline bool trail_pacer_word_swap(_Atomic uint64_t *word, uint64_t *seen, uint64_t value) {
  return atomic_compare_exchange_strong_explicit(word, seen, value, memory_order_acq_rel,
                                                 memory_order_acquire);
}

/* For words whose last writer is right, whoever it is. */
static inline void trail_pacer_word_set(_Atomic uint64_t *word, uint64_t value) {
  atomic_store_explicit(word, value, memory_order_release);
}

static inline struct trail_pacer_window trail_pacer_word_window(uint64_t word) {
  return (struct trail_pacer_window){(uint32_t)(word >> 32), (uint32_t)word};
}

static inline uint64_t trail_pacer_word_of_window(uint32_t name, uint32_t used) {
  return (uint64_t)name << 32 | used;
}

static inline struct trail_pacer_budget trail_pacer_word_budget(uint64_t word) {
  return (struct trail_pacer_budget){(uint32_t)(word >> 32),
                                     (uint32_t)(word >> 8) & TRAIL_PACER_24_BITS, (uint8_t)word};
}

static inline uint64_t trail_pacer_word_of_budget(struct trail_pacer_budget budget) {
  uint32_t strangers =
      budget.strangers < TRAIL_PACER_24_BITS ? budget.strangers : TRAIL_PACER_24_BITS;
  return (uint64_t)budget.limit << 32 | (uint64_t)strangers << 8 | budget.flags;
}

static inline struct trail_pacer_clock trail_pacer_word_clock(uint64_t word) {
  int64_t low_ms = (int64_t)word >> 16;
  return (struct trail_pacer_clock){low_ms, low_ms + (int64_t)(word & 0xffff)};
}

/* An interval wider than a minute comes from one slow answer; a server dates an answer when it is
 * ready, so the end kept is the one its arrival gave. */
static inline uint64_t trail_pacer_word_of_clock(struct trail_pacer_clock clock) {
  int64_t width_ms = clock.high_ms - clock.low_ms;
  if (width_ms > 0xffff) width_ms = 0xffff;
  if (width_ms < 0) width_ms = 0;
  return (uint64_t)clock.low_ms << 16 | (uint64_t)width_ms;
}

static inline struct trail_pacer_own trail_pacer_word_own(uint64_t word) {
  return (struct trail_pacer_own){(int64_t)(word >> 24), (uint32_t)word & TRAIL_PACER_24_BITS};
}

static inline uint64_t trail_pacer_word_of_own(int64_t began_ms, uint32_t sent) {
  return (uint64_t)began_ms << 24 | (sent < TRAIL_PACER_24_BITS ? sent : TRAIL_PACER_24_BITS);
}

/* Local times of a window's end: certainly not over before `sure_us`, certainly over from
 * `over_us`. */
struct trail_pacer_end {
  int64_t sure_us, over_us;
};

/* Reset may have been rounded up by as much as a second, or down where the server proved LATE;
 * 10 ms pay for clocks that tick in ms. */
static inline struct trail_pacer_end
trail_pacer_word_end(uint32_t name, struct trail_pacer_clock clock, uint8_t flags) {
  int64_t reset_ms = (int64_t)name * 1000;
  struct trail_pacer_end end = {(reset_ms - 1000 - clock.high_ms) * 1000,
                                (reset_ms - clock.low_ms) * 1000 + 10000};
  if (flags & TRAIL_PACER_LATE) end.over_us += 1000000;
  return end;
}

#endif
