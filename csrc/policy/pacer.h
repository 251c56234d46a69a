/* Pacing: may a request leave now, and what does its answer teach about the server's window?
 *
 * The limit is a fixed window of the server's, known from X-RateLimit-* and Date alone. Any number
 * of threads and processes share one `struct trail_pace` without a lock: eight words, one cache
 * line, every change one compare-and-swap, so a process killed between two instructions harms
 * nobody. All zero is the state of one that knows nothing. `now_us` is boot time; nothing here
 * reads a clock.
 *
 * What holds at every moment:
 * - A place once taken is never given back, but for a request that certainly never left (refund): a
 *   request whose process died may have arrived. Every answer raises the count to the server's own.
 * - A window's name is its Reset, verbatim (off by one it is the same: servers round as they like).
 * - The server's clock is an interval, so a window's end is two times: certainly not over before
 *   the one, certainly over after the other. No local clock but boot time has a say.
 * - After the end one request at a time, the probe, finds the next window. Its lease ends by itself
 *   after 250 ms, so a dead prober stops nobody.
 * - Others who spend from the same budget (strangers) show as requests the server counted and we
 *   did not; while they are active a small share is left to them.
 */
#ifndef TRAIL_POLICY_PACER_H
#define TRAIL_POLICY_PACER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/field.h"

#define TRAIL_PACER_LAYOUT 1 /* changes with the meaning of any word below */
#define TRAIL_PACER_DEFAULT_LIMIT 600
#define TRAIL_PACER_DEFAULT_WINDOW_MS 60000
#define TRAIL_PACER_DEFAULT_SPREAD 0.25
#define TRAIL_PACER_LEASE_US 250000
#define TRAIL_PACER_STOP_MAX_US (900 * INT64_C(1000000)) /* the longest a 429 stops everybody */

/* policy/pacer_word.h packs and unpacks them. */
struct trail_pace {
  _Alignas(64) _Atomic uint64_t own; /* our own window: its begin, sends in it */
  _Atomic uint64_t window;           /* the server's: its name, places taken */
  _Atomic uint64_t budget;           /* its limit, strangers seen, flags */
  _Atomic uint64_t clock;            /* server minus local: an interval */
  _Atomic uint64_t other_clock;      /* one that contradicts it; a second answer decides */
  _Atomic uint64_t next_us;          /* the next send, while sends are spread */
  _Atomic uint64_t stop_us;          /* nobody sends before (a 429) */
  _Atomic uint64_t probe_us;         /* when the probe that is out was admitted; 0: none is */
};

_Static_assert(sizeof(struct trail_pace) == 64, "one cache line");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock would not survive its holder");

enum trail_pacer_priority { TRAIL_PACER_LOW, TRAIL_PACER_NORMAL, TRAIL_PACER_HIGH };

/* Each process follows its own; only what the server said is shared. */
struct trail_pacer_config {
  uint32_t limit;     /* a ceiling of ours; 0: the server's alone */
  uint32_t window_ms; /* what that ceiling is for; 0: the server's window */
  uint32_t reserve;   /* places that only TRAIL_PACER_HIGH may take */
  double spread;      /* once no more than this share is left, it is spread over the time left */
};

/* What a request carries from its admission to its end. Belongs to one attempt. */
struct trail_pacer_ticket {
  const struct trail_pace *pace; /* which state counted it; compared, never followed */
  uint32_t window, place;
  bool probe;
  int64_t own_began_ms; /* the window of our own it counts in; -1: in none */
  int64_t admitted_us;
};

/* `date` is the server's (the caller's wall clock where an answer has none). An answer from a cache
 * has no rate. */
struct trail_pacer_answer {
  bool has_rate;
  struct trail_rate_fields rate;
  int64_t date;           /* Unix seconds */
  int http_status;        /* 0: no complete answer */
  int64_t retry_after_ms; /* -1: absent */
};

struct trail_pacer_view {
  bool known;         /* false: no answer yet, and the rest is zero */
  bool server;        /* the server told; false: our own limit, in our own window */
  uint32_t limit;     /* the server's */
  uint32_t remaining; /* ours to take, the reserve included */
  uint32_t reset;     /* the server's, Unix seconds; 0 for a window of our own */
  int64_t resets_in_us;
  int64_t stopped_us; /* how long a 429 still stops everybody */
};

/* 0: the request may leave, and the ticket is filled. Otherwise how long to wait before asking
 * again; an answer that comes earlier is a reason to ask earlier. */
int64_t trail_pacer_admit(struct trail_pace *pace, const struct trail_pacer_config *config,
                          int64_t now_us, enum trail_pacer_priority priority,
                          struct trail_pacer_ticket *ticket);

/* Added to a wait, so that those who wait together do not return together: 0 to 1.5 ms. */
int64_t trail_pacer_jitter_us(uint32_t random);

/* The attempt has ended, with an answer or without. Exactly one of these two for every ticket,
 * or, for a process that died, none. */
void trail_pacer_feedback(struct trail_pace *pace, const struct trail_pacer_config *config,
                          int64_t now_us, const struct trail_pacer_ticket *ticket,
                          const struct trail_pacer_answer *answer);
/* It certainly never left. Where the state was exchanged since (merge) nothing is given back. */
void trail_pacer_refund(struct trail_pace *pace, const struct trail_pacer_ticket *ticket);

/* Two states turn out to be one budget's: `into` learns what `from` knows, and never less is
 * counted than either had. */
void trail_pacer_merge(struct trail_pace *into, const struct trail_pace *from);

void trail_pacer_view(const struct trail_pace *pace, const struct trail_pacer_config *config,
                      int64_t now_us, struct trail_pacer_view *view);

#endif
