#include "policy/pacer.h"

#include <string.h>

#include "policy/pacer_word.h"

/* Others may have changed what was decided on: decide again. */
#define LOST (-1)
/* How soon to look again while somebody else's probe is out. */
#define POLL_US 5000
#define JITTER_US 1500
/* A silent server's window may have begun a round trip before ours: nothing goes in the last
 * 30th. */
#define GUARD_SHARE 30

struct asking {
  struct trail_pace *pace;
  const struct trail_pacer_config *config;
  int64_t now_us;
  enum trail_pacer_priority priority;
  struct trail_pacer_ticket *ticket;
};

/* ---- what is left ---------------------------------------------------------------------------- */

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* A ceiling without a window of its own bounds the server's. */
static uint32_t limit_of(const struct trail_pacer_config *config, uint32_t servers) {
  bool bounds = config->limit && !config->window_ms;
  return bounds ? smaller(config->limit, servers) : servers;
}

/* Left to strangers, as long as they are active; where the server keeps a sliding log always a
 * little, since its count and ours cannot be told apart there. */
static int64_t set_aside(struct trail_pacer_budget budget, uint32_t limit) {
  int64_t share = limit / 64, held = smaller(budget.strangers, limit / 64);
  return (budget.flags & TRAIL_PACER_ROLLING) && held < share + 1 ? share + 1 : held;
}

/* What a priority leaves to the ones above it. */
static int64_t kept_back(const struct asking *ask, uint32_t limit) {
  int64_t reserve = ask->config->reserve;
  switch (ask->priority) {
    case TRAIL_PACER_HIGH:
      return 0;
    case TRAIL_PACER_LOW:
      return reserve > limit / 5 ? reserve : limit / 5;
    case TRAIL_PACER_NORMAL:
      break;
  }
  return reserve;
}

/* ---- spreading ------------------------------------------------------------------------------- */

/* One send in `step_us`. A plan with longer steps, made when less was left, does not bind. Who
 * comes no more than `late_us` behind the plan, by jitter, does not push the others back. */
static int64_t keep_distance(const struct asking *ask, int64_t step_us, int64_t late_us) {
  uint64_t next = trail_pacer_word_read(&ask->pace->next_us);
  int64_t wait_us = (int64_t)next - ask->now_us;
  if (wait_us > 0 && wait_us <= step_us) return wait_us;
  bool on_plan = wait_us <= 0 && -wait_us < late_us;
  int64_t from_us = on_plan ? (int64_t)next : ask->now_us;
  if (!trail_pacer_word_swap(&ask->pace->next_us, &next, (uint64_t)(from_us + step_us)))
    return LOST;
  return wait_us > 0 ? step_us : 0;
}

static bool near_the_end(const struct asking *ask, int64_t left, uint32_t limit) {
  return (double)left <= ask->config->spread * (double)limit;
}

static int64_t spread(const struct asking *ask, int64_t left, int64_t until_us, int64_t most_us) {
  int64_t time_us = until_us - ask->now_us, step_us = time_us > 0 ? time_us / left : 0;
  return keep_distance(ask, step_us < most_us ? step_us : most_us, 0);
}

/* ---- the probe ------------------------------------------------------------------------------- */

/* One at a time; the answer tells the window. The lease is named by its begin, so only its
 * holder ends it early, and a holder that died ends it by time. A begin beyond now is another
 * processor's clock, read a moment later; one far beyond is nonsense and does not bind. */
static int64_t ask_for_probe(const struct asking *ask, struct trail_pacer_window window,
                             uint8_t flags) {
  struct trail_pace *pace = ask->pace;
  uint64_t seen = trail_pacer_word_read(&pace->probe_us);
  int64_t age_us = ask->now_us - (int64_t)seen, left_us = TRAIL_PACER_LEASE_US - age_us;
  if (seen && left_us > 0 && age_us > -TRAIL_PACER_LEASE_US)
    return left_us < POLL_US ? left_us + 1 : POLL_US;
  if (!trail_pacer_word_swap(&pace->probe_us, &seen, (uint64_t)ask->now_us)) return LOST;
  if (flags & TRAIL_PACER_ROLLING) trail_pacer_word_set(&pace->next_us, (uint64_t)ask->now_us);
  ask->ticket->window = window.name;
  ask->ticket->place = window.used;
  ask->ticket->probe = true;
  return 0;
}

/* ---- a window of our own --------------------------------------------------------------------- */

/* Where a ceiling comes with a window, and where the server tells nothing, we count a window of
 * our own: the ceiling's from its first send on, the silent server's from the answer to its
 * first request, since the server cannot have begun its own later. */
struct own_window {
  uint64_t word;
  bool open;
  uint32_t limit, sent;
  int64_t began_ms, over_us;
};

static bool has_ceiling(const struct trail_pacer_config *config) {
  return config->limit && config->window_ms;
}

static struct own_window own_window(const struct trail_pace *pace,
                                    const struct trail_pacer_config *config, int64_t now_us) {
  uint32_t limit = config->limit ? config->limit : TRAIL_PACER_DEFAULT_LIMIT;
  int64_t length_ms = config->window_ms ? config->window_ms : TRAIL_PACER_DEFAULT_WINDOW_MS;
  struct own_window own = {.word = trail_pacer_word_read(&pace->own)};
  struct trail_pacer_own seen = trail_pacer_word_own(own.word);
  int64_t age_ms = now_us / 1000 - seen.began_ms;
  own.open = seen.sent && age_ms > -1000 && age_ms < length_ms;
  own.limit = smaller(limit, TRAIL_PACER_24_BITS - 1);
  own.began_ms = own.open ? seen.began_ms : now_us / 1000;
  own.sent = own.open ? seen.sent : 0;
  own.over_us = (own.began_ms + length_ms) * 1000;
  return own;
}

static int64_t count_own(const struct asking *ask, struct own_window *own) {
  uint64_t next = trail_pacer_word_of_own(own->began_ms, own->sent + 1);
  if (!trail_pacer_word_swap(&ask->pace->own, &own->word, next)) return LOST;
  ask->ticket->own_began_ms = own->began_ms;
  return 0;
}

static int64_t ask_own_window(const struct asking *ask) {
  struct own_window own = own_window(ask->pace, ask->config, ask->now_us);
  struct trail_pacer_window ours = {TRAIL_PACER_LOCAL, 0};
  int64_t left = (int64_t)own.limit - own.sent - kept_back(ask, own.limit);
  int64_t sure_us = own.over_us - (own.over_us - own.began_ms * 1000) / GUARD_SHARE;
  if (!own.open) return ask_for_probe(ask, ours, 0);
  if (left <= 0 || ask->now_us >= sure_us) return own.over_us - ask->now_us;
  if (near_the_end(ask, left, own.limit)) {
    int64_t wait_us = spread(ask, left, sure_us, INT64_MAX);
    if (wait_us) return wait_us;
  }
  ask->ticket->window = TRAIL_PACER_LOCAL;
  return count_own(ask, &own);
}

/* Over the server's window: how long until our own has a place. */
static int64_t wait_for_ceiling(const struct asking *ask) {
  if (!has_ceiling(ask->config)) return 0;
  struct own_window own = own_window(ask->pace, ask->config, ask->now_us);
  return own.sent < own.limit ? 0 : own.over_us - ask->now_us;
}

/* After the server's window gave its place; where the last one of ours went in between, that
 * place is given back. */
static int64_t count_ceiling(const struct asking *ask) {
  if (!has_ceiling(ask->config)) return 0;
  for (;;) {
    struct own_window own = own_window(ask->pace, ask->config, ask->now_us);
    if (own.sent >= own.limit) break;
    if (count_own(ask, &own) == 0) return 0;
  }
  trail_pacer_refund(ask->pace, ask->ticket);
  return LOST;
}

/* ---- the server's window --------------------------------------------------------------------- */

/* Counts one more in the window that was decided on, as long as others have left a place in it. */
static int64_t take_place(const struct asking *ask, uint64_t word, int64_t left) {
  struct trail_pacer_window decided = trail_pacer_word_window(word), seen = decided;
  while (seen.name == decided.name && (int64_t)seen.used - decided.used < left) {
    if (trail_pacer_word_swap(&ask->pace->window, &word, word + 1)) {
      ask->ticket->window = seen.name;
      ask->ticket->place = seen.used + 1;
      return 0;
    }
    seen = trail_pacer_word_window(word);
  }
  return LOST;
}

static int64_t window_us(const struct trail_pacer_config *config) {
  return (int64_t)(config->window_ms ? config->window_ms : TRAIL_PACER_DEFAULT_WINDOW_MS) * 1000;
}

static int64_t rolling_step_us(const struct trail_pacer_config *config, uint32_t limit) {
  return window_us(config) / limit;
}

/* What is set aside for strangers covers what they take between two answers of ours, so these
 * must not lie too far apart: by then half of it is gone. */
static int64_t longest_step_us(const struct trail_pacer_config *config,
                               struct trail_pacer_budget budget, uint32_t limit) {
  if (!budget.strangers) return INT64_MAX;
  return window_us(config) * set_aside(budget, limit) / budget.strangers / 2;
}

/* Nothing is left for this priority. A sliding log frees places all the time: where only what
 * was set aside is left, ten steps do. */
static int64_t wait_for_window(const struct asking *ask, struct trail_pacer_budget budget,
                               uint32_t limit, bool exhausted, int64_t over_us) {
  int64_t wait_us = over_us - ask->now_us;
  if (exhausted || !(budget.flags & TRAIL_PACER_ROLLING)) return wait_us;
  int64_t next_us = (int64_t)trail_pacer_word_read(&ask->pace->next_us);
  int64_t pause_us = next_us + 10 * rolling_step_us(ask->config, limit) - ask->now_us;
  return pause_us < wait_us ? pause_us : wait_us;
}

/* An end further ahead than any window's can be, by a clock that is another one's, binds nobody. */
static bool is_over(struct trail_pacer_end end, int64_t now_us) {
  int64_t left_us = end.over_us - now_us;
  return left_us <= 0 || left_us > (TRAIL_PACER_WINDOW_MAX_S + 86400) * 1000000;
}

static int64_t ask_server_window(const struct asking *ask, uint64_t word) {
  struct trail_pacer_window window = trail_pacer_word_window(word);
  struct trail_pacer_budget budget =
      trail_pacer_word_budget(trail_pacer_word_read(&ask->pace->budget));
  struct trail_pacer_clock clock = trail_pacer_word_clock(trail_pacer_word_read(&ask->pace->clock));
  struct trail_pacer_end end = trail_pacer_word_end(window.name, clock, budget.flags);
  if (window.name == TRAIL_PACER_UNKNOWN || is_over(end, ask->now_us) || !budget.limit)
    return ask_for_probe(ask, window, budget.flags);

  uint32_t limit = limit_of(ask->config, budget.limit);
  int64_t left = (int64_t)limit - window.used - set_aside(budget, limit);
  int64_t ours = left - kept_back(ask, limit);
  if (ours <= 0) {
    int64_t wait_us = wait_for_window(ask, budget, limit, window.used >= limit, end.over_us);
    bool guess = left <= 0 && (budget.flags & TRAIL_PACER_REFUSED);
    return guess || wait_us <= 0 ? ask_for_probe(ask, window, budget.flags) : wait_us;
  }
  int64_t wait_us = 0;
  if (budget.flags & TRAIL_PACER_ROLLING)
    wait_us = keep_distance(ask, rolling_step_us(ask->config, limit), JITTER_US);
  else if (near_the_end(ask, ours, limit))
    wait_us = spread(ask, ours, end.sure_us, longest_step_us(ask->config, budget, limit));
  return wait_us ? wait_us : take_place(ask, word, ours);
}

/* ---- asked from outside ---------------------------------------------------------------------- */

/* A stop that lies further ahead than any 429 can ask for is nonsense, and binds nobody. */
static int64_t stopped_us(const struct trail_pace *pace, int64_t now_us) {
  int64_t left_us = (int64_t)trail_pacer_word_read(&pace->stop_us) - now_us;
  return left_us > 0 && left_us <= TRAIL_PACER_STOP_MAX_US + 2000 ? left_us : 0;
}

static int64_t decide(const struct asking *ask) {
  int64_t wait_us = stopped_us(ask->pace, ask->now_us);
  if (wait_us) return wait_us;
  uint64_t word = trail_pacer_word_read(&ask->pace->window);
  if (trail_pacer_word_window(word).name == TRAIL_PACER_LOCAL) return ask_own_window(ask);
  wait_us = wait_for_ceiling(ask);
  if (!wait_us) wait_us = ask_server_window(ask, word);
  return wait_us ? wait_us : count_ceiling(ask);
}

int64_t trail_pacer_admit(struct trail_pace *pace, const struct trail_pacer_config *config,
                          int64_t now_us, enum trail_pacer_priority priority,
                          struct trail_pacer_ticket *ticket) {
  struct asking ask = {pace, config, now_us, priority, ticket};
  int64_t wait_us;
  do {
    *ticket = (struct trail_pacer_ticket){.pace = pace, .own_began_ms = -1, .admitted_us = now_us};
    wait_us = decide(&ask);
  } while (wait_us == LOST);
  return wait_us;
}

int64_t trail_pacer_jitter_us(uint32_t random) {
  return (int64_t)((uint64_t)random * JITTER_US >> 32);
}

static void refund_own(struct trail_pace *pace, int64_t began_ms) {
  uint64_t word = trail_pacer_word_read(&pace->own);
  for (;;) {
    struct trail_pacer_own own = trail_pacer_word_own(word);
    if (own.began_ms != began_ms || !own.sent) return;
    if (trail_pacer_word_swap(&pace->own, &word, word - 1)) return;
  }
}

static void refund_place(struct trail_pace *pace, uint32_t name) {
  uint64_t word = trail_pacer_word_read(&pace->window);
  for (;;) {
    struct trail_pacer_window window = trail_pacer_word_window(word);
    if (window.name != name || !window.used) return;
    if (trail_pacer_word_swap(&pace->window, &word, word - 1)) return;
  }
}

void trail_pacer_refund(struct trail_pace *pace, const struct trail_pacer_ticket *ticket) {
  if (ticket->pace != pace) return;
  uint64_t mine = (uint64_t)ticket->admitted_us;
  if (ticket->own_began_ms >= 0) refund_own(pace, ticket->own_began_ms);
  if (ticket->probe)
    (void)trail_pacer_word_swap(&pace->probe_us, &mine, 0);
  else
    refund_place(pace, ticket->window);
}

void trail_pacer_view(const struct trail_pace *pace, const struct trail_pacer_config *config,
                      int64_t now_us, struct trail_pacer_view *view) {
  struct trail_pacer_window window = trail_pacer_word_window(trail_pacer_word_read(&pace->window));
  struct trail_pacer_clock clock = trail_pacer_word_clock(trail_pacer_word_read(&pace->clock));
  *view = (struct trail_pacer_view){.stopped_us = stopped_us(pace, now_us)};
  if (window.name == TRAIL_PACER_UNKNOWN) return;
  view->known = true;
  view->server = window.name != TRAIL_PACER_LOCAL;
  struct own_window own = own_window(pace, config, now_us);
  int64_t over_us = own.over_us;
  view->limit = own.limit;
  uint32_t bound = own.limit, used = own.sent;
  if (view->server) {
    int64_t middle_ms = (clock.low_ms + clock.high_ms) / 2;
    over_us = ((int64_t)window.name * 1000 - middle_ms) * 1000;
    view->reset = window.name;
    view->limit = trail_pacer_word_budget(trail_pacer_word_read(&pace->budget)).limit;
    bound = limit_of(config, view->limit);
    used = over_us > now_us ? window.used : 0;
  }
  view->resets_in_us = over_us > now_us ? over_us - now_us : 0;
  view->remaining = used < bound ? bound - used : 0;
}
