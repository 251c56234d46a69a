/* What an answer changes in the shared state: the clock, the limit, the window, and what a refusal
 * teaches; and how two states become one. */
#include "policy/pacer.h"

#include "policy/pacer_word.h"

#define NEAR_MS 2000 /* clocks that differ by less are one clock, corrected */

struct lesson {
  struct trail_pace *pace;
  const struct trail_pacer_config *config;
  int64_t now_us;
  const struct trail_pacer_ticket *ticket;
  const struct trail_pacer_answer *answer;
};

/* What the count of a window tells about the others, and about the server's kind. */
struct finding {
  bool newer, early;
  uint32_t strangers;
};

static bool is_usable(const struct trail_pacer_answer *answer) {
  int64_t length_s = (int64_t)answer->rate.reset - answer->date;
  return answer->has_rate && answer->rate.limit && answer->rate.reset > TRAIL_PACER_LOCAL + 1 &&
         length_s >= -2 && length_s <= TRAIL_PACER_WINDOW_MAX_S;
}

/* More remaining than the limit (it was just lowered, say) is all of it. */
static uint32_t used_of(struct trail_rate_fields rate) {
  return rate.remaining < rate.limit ? rate.limit - rate.remaining : 0;
}

/* ---- the clock ------------------------------------------------------------------------------- */

/* The answer was dated, in whole seconds, between the request's admission and now. */
static struct trail_pacer_clock clock_of(const struct lesson *lesson) {
  int64_t date_ms = lesson->answer->date * 1000;
  return (struct trail_pacer_clock){date_ms - lesson->now_us / 1000,
                                    date_ms + 1000 - lesson->ticket->admitted_us / 1000};
}

static bool overlap(struct trail_pacer_clock a, struct trail_pacer_clock b, int64_t slack_ms) {
  return a.low_ms - b.high_ms <= slack_ms && b.low_ms - a.high_ms <= slack_ms;
}

enum hearing {
  CLOCK_DOUBTED, /* it contradicts the clock we go by, and was only noted */
  CLOCK_SET,     /* the server's clock is another one now */
  CLOCK_KNOWN
};

/* A clock that contradicts ours is believed when it is near, or when a second answer agrees: one
 * wrong Date changes nothing, a server whose clock was set is followed. */
static enum hearing compare(const struct lesson *lesson, struct trail_pacer_clock heard,
                            struct trail_pacer_clock known) {
  uint64_t other = trail_pacer_word_read(&lesson->pace->other_clock);
  if (overlap(heard, known, NEAR_MS - 1)) return CLOCK_KNOWN;
  return other && overlap(heard, trail_pacer_word_clock(other), 0) ? CLOCK_SET : CLOCK_DOUBTED;
}

static enum hearing learn_clock(const struct lesson *lesson) {
  struct trail_pace *pace = lesson->pace;
  struct trail_pacer_clock heard = clock_of(lesson);
  uint64_t word = trail_pacer_word_read(&pace->clock), next;
  enum hearing hearing;
  do {
    struct trail_pacer_clock known = trail_pacer_word_clock(word), narrowed = heard;
    hearing = word ? compare(lesson, heard, known) : CLOCK_SET;
    if (word && overlap(heard, known, 0)) {
      if (known.low_ms > heard.low_ms) narrowed.low_ms = known.low_ms;
      if (known.high_ms < heard.high_ms) narrowed.high_ms = known.high_ms;
      if (trail_pacer_word_read(&pace->other_clock)) trail_pacer_word_set(&pace->other_clock, 0);
    } else if (hearing == CLOCK_DOUBTED) {
      trail_pacer_word_set(&pace->other_clock, trail_pacer_word_of_clock(heard));
      return hearing;
    }
    next = trail_pacer_word_of_clock(narrowed);
  } while (next != word && !trail_pacer_word_swap(&pace->clock, &word, next));
  return hearing;
}

/* ---- the budget ------------------------------------------------------------------------------ */

static void learn_limit(const struct lesson *lesson) {
  uint64_t word = trail_pacer_word_read(&lesson->pace->budget), next;
  do {
    struct trail_pacer_budget budget = trail_pacer_word_budget(word);
    budget.limit = lesson->answer->rate.limit;
    next = trail_pacer_word_of_budget(budget);
  } while (next != word && !trail_pacer_word_swap(&lesson->pace->budget, &word, next));
}

/* Strangers are forgotten by halves, one window at a time; a refusal is forgotten with its
 * window. */
static void learn_findings(const struct lesson *lesson, struct finding found) {
  if (!found.newer && !found.strangers && !found.early) return;
  uint64_t word = trail_pacer_word_read(&lesson->pace->budget), next;
  do {
    struct trail_pacer_budget budget = trail_pacer_word_budget(word);
    if (found.newer) {
      budget.strangers /= 2;
      budget.flags &= (uint8_t)~TRAIL_PACER_REFUSED;
    }
    if (found.strangers > TRAIL_PACER_24_BITS) found.strangers = TRAIL_PACER_24_BITS;
    budget.strangers += found.strangers;
    if (found.early) budget.flags |= TRAIL_PACER_ROLLING;
    next = trail_pacer_word_of_budget(budget);
  } while (next != word && !trail_pacer_word_swap(&lesson->pace->budget, &word, next));
}

/* ---- the window ------------------------------------------------------------------------------ */

static bool is_older(uint32_t reset, uint32_t name) { return (int64_t)reset + 1 < name; }

/* Later, or so much earlier that the server's clock was set back. */
static bool is_newer(const struct lesson *lesson, uint32_t reset, uint32_t name) {
  uint32_t length_ms = lesson->config->window_ms ? lesson->config->window_ms
                                                 : (uint32_t)TRAIL_PACER_DEFAULT_WINDOW_MS;
  if (name == TRAIL_PACER_UNKNOWN || name == TRAIL_PACER_LOCAL) return true;
  return (int64_t)reset >= (int64_t)name + 2 ||
         (int64_t)reset + 4 * (int64_t)length_ms / 1000 + 60 < name;
}

/* Did the last window end before it can have? Only a clock that agrees with this answer may say
 * so. */
static bool ended_early(const struct lesson *lesson, uint32_t name) {
  struct trail_pacer_clock clock =
      trail_pacer_word_clock(trail_pacer_word_read(&lesson->pace->clock));
  return name > TRAIL_PACER_LOCAL && lesson->now_us < trail_pacer_word_end(name, clock, 0).sure_us;
}

/* A sliding log's window is new with every answer: what was sent after this request is in flight
 * still and counts in the new one. */
static uint32_t still_in_flight(const struct lesson *lesson, struct trail_pacer_window window) {
  const struct trail_pacer_ticket *ticket = lesson->ticket;
  uint8_t flags = trail_pacer_word_budget(trail_pacer_word_read(&lesson->pace->budget)).flags;
  bool counts = (flags & TRAIL_PACER_ROLLING) && ticket->window == window.name && !ticket->probe;
  return counts && window.used > ticket->place ? window.used - ticket->place : 0;
}

/* Was it counted where it was admitted? A probe was not, nor one admitted in another window. */
static bool is_counted(const struct trail_pacer_ticket *ticket, uint32_t name) {
  return !ticket->probe && !is_older(ticket->window, name) && !is_older(name, ticket->window);
}

static uint32_t sum(uint32_t a, uint32_t b) { return a > UINT32_MAX - b ? UINT32_MAX : a + b; }

static struct finding learn_window(const struct lesson *lesson, enum hearing clock) {
  struct trail_rate_fields rate = lesson->answer->rate;
  uint32_t servers = used_of(rate);
  uint64_t word = trail_pacer_word_read(&lesson->pace->window), next;
  struct finding found;
  do {
    struct trail_pacer_window window = trail_pacer_word_window(word);
    found = (struct finding){0};
    if (is_newer(lesson, rate.reset, window.name)) {
      if (clock == CLOCK_DOUBTED) return found; /* by the one we go by it may end in years */
      found.newer = true;
      found.early = clock == CLOCK_KNOWN && ended_early(lesson, window.name);
      next = trail_pacer_word_of_window(rate.reset, sum(servers, still_in_flight(lesson, window)));
    } else if (is_older(rate.reset, window.name)) {
      return found;
    } else {
      uint32_t ours = sum(window.used, !is_counted(lesson->ticket, window.name));
      if (servers > ours) found.strangers = servers - ours;
      next = trail_pacer_word_of_window(window.name, servers > ours ? servers : ours);
    }
  } while (next != word && !trail_pacer_word_swap(&lesson->pace->window, &word, next));
  return found;
}

/* The answer to a request that found no window of ours open: it begins here. Where another
 * probe's answer has begun one since, this one counts in it. */
static void open_own_window(const struct lesson *lesson) {
  uint64_t word = trail_pacer_word_read(&lesson->pace->own), next;
  do {
    struct trail_pacer_own own = trail_pacer_word_own(word);
    bool since = own.sent && own.began_ms >= lesson->ticket->admitted_us / 1000 &&
                 own.began_ms != lesson->ticket->own_began_ms;
    bool counted = lesson->ticket->own_began_ms >= 0;
    next = since
               ? trail_pacer_word_of_own(own.began_ms, own.sent + !counted)
               : trail_pacer_word_of_own(lesson->now_us / 1000, counted && own.sent ? own.sent : 1);
  } while (next != word && !trail_pacer_word_swap(&lesson->pace->own, &word, next));
}

/* A server that tells nothing: our own limit counts, in a window of our own. Once it has told,
 * silence on a single answer changes nothing; only a probe that found no new window means it. */
static void learn_silence(const struct lesson *lesson) {
  struct trail_pace *pace = lesson->pace;
  const struct trail_pacer_ticket *ticket = lesson->ticket;
  uint64_t word = trail_pacer_word_read(&pace->window);
  struct trail_pacer_window window = trail_pacer_word_window(word);
  uint8_t flags = trail_pacer_word_budget(trail_pacer_word_read(&pace->budget)).flags;
  bool in_vain = ticket->probe && ticket->window == window.name &&
                 lesson->answer->http_status < 500 && !(flags & TRAIL_PACER_REFUSED);
  if (window.name == TRAIL_PACER_LOCAL) {
    if (ticket->probe) open_own_window(lesson);
  } else if (window.name == TRAIL_PACER_UNKNOWN || in_vain) {
    uint64_t local = trail_pacer_word_of_window(TRAIL_PACER_LOCAL, 0);
    if (trail_pacer_word_swap(&pace->window, &word, local)) open_own_window(lesson);
  }
}

/* ---- a refusal ------------------------------------------------------------------------------- */

static void stop_everybody(const struct lesson *lesson) {
  int64_t wait_us = lesson->answer->retry_after_ms >= 0 ? lesson->answer->retry_after_ms : 1000;
  wait_us = wait_us < TRAIL_PACER_STOP_MAX_US / 1000 ? wait_us * 1000 : TRAIL_PACER_STOP_MAX_US;
  int64_t until_us = lesson->now_us + wait_us + 1000;
  int64_t latest_us = lesson->now_us + TRAIL_PACER_STOP_MAX_US + 1000;
  uint64_t word = trail_pacer_word_read(&lesson->pace->stop_us);
  while ((int64_t)word < until_us || (int64_t)word > latest_us)
    if (trail_pacer_word_swap(&lesson->pace->stop_us, &word, (uint64_t)until_us)) break;
}

/* Refused where the window was certainly over, and the server is still in it. */
static bool came_too_early(const struct lesson *lesson, bool told, uint8_t flags) {
  const struct trail_pacer_ticket *ticket = lesson->ticket;
  return ticket->probe && ticket->window > TRAIL_PACER_LOCAL && !(flags & TRAIL_PACER_REFUSED) &&
         (!told || !is_older(ticket->window, lesson->answer->rate.reset));
}

static void remember_refusal(const struct lesson *lesson, bool told) {
  uint64_t word = trail_pacer_word_read(&lesson->pace->budget), next;
  do {
    bool late = came_too_early(lesson, told, trail_pacer_word_budget(word).flags);
    next = word | TRAIL_PACER_REFUSED | (late ? TRAIL_PACER_LATE : 0);
  } while (next != word && !trail_pacer_word_swap(&lesson->pace->budget, &word, next));
}

static bool is_of_older_window(const struct lesson *lesson) {
  uint64_t word = trail_pacer_word_read(&lesson->pace->window);
  return is_older(lesson->answer->rate.reset, trail_pacer_word_window(word).name);
}

/* Whatever we counted, the window that refused is full. */
static void fill_window(const struct lesson *lesson) {
  struct trail_rate_fields rate = lesson->answer->rate;
  uint64_t word = trail_pacer_word_read(&lesson->pace->window);
  for (;;) {
    struct trail_pacer_window window = trail_pacer_word_window(word);
    if (is_older(rate.reset, window.name) || window.used >= rate.limit) return;
    uint64_t full = trail_pacer_word_of_window(window.name, rate.limit);
    if (trail_pacer_word_swap(&lesson->pace->window, &word, full)) return;
  }
}

/* A silent server has told when its next window begins: ours is over too, and begins with it. Not
 * so a ceiling's, which is the caller's to say. */
static void close_own_window(const struct lesson *lesson) {
  if (lesson->config->limit && lesson->config->window_ms) return;
  uint64_t window = trail_pacer_word_read(&lesson->pace->window);
  uint64_t own = trail_pacer_word_read(&lesson->pace->own);
  if (trail_pacer_word_window(window).name != TRAIL_PACER_LOCAL) return;
  if (lesson->answer->retry_after_ms < 0) return;
  (void)trail_pacer_word_swap(&lesson->pace->own, &own, 0);
}

/* ---- asked from outside ---------------------------------------------------------------------- */

void trail_pacer_feedback(struct trail_pace *pace, const struct trail_pacer_config *config,
                          int64_t now_us, const struct trail_pacer_ticket *ticket,
                          const struct trail_pacer_answer *answer) {
  struct lesson lesson = {pace, config, now_us, ticket, answer};
  bool told = is_usable(answer);
  if (told) {
    enum hearing clock = learn_clock(&lesson);
    learn_limit(&lesson);
    learn_findings(&lesson, learn_window(&lesson, clock));
  }
  if (answer->http_status == 429) {
    stop_everybody(&lesson);
    if (!told)
      close_own_window(&lesson);
    else if (answer->rate.remaining == 0)
      fill_window(&lesson);
    if (!told || !is_of_older_window(&lesson)) remember_refusal(&lesson, told);
  } else if (!told && answer->http_status > 0) {
    learn_silence(&lesson);
  }
  uint64_t mine = (uint64_t)ticket->admitted_us;
  if (ticket->probe) (void)trail_pacer_word_swap(&pace->probe_us, &mine, 0);
}

/* `from` is a snapshot by the word, which is enough: what it gains afterwards the server still
 * counts. What is known about the server goes over only where nothing was known. */
void trail_pacer_merge(struct trail_pace *into, const struct trail_pace *from) {
  uint64_t word = trail_pacer_word_read(&into->window), none = 0;
  struct trail_pacer_window theirs = trail_pacer_word_window(trail_pacer_word_read(&from->window));
  (void)trail_pacer_word_swap(&into->clock, &none, trail_pacer_word_read(&from->clock));
  none = 0;
  (void)trail_pacer_word_swap(&into->budget, &none, trail_pacer_word_read(&from->budget));
  none = 0;
  (void)trail_pacer_word_swap(&into->own, &none, trail_pacer_word_read(&from->own));
  for (;;) {
    struct trail_pacer_window window = trail_pacer_word_window(word);
    bool same = !is_older(window.name, theirs.name) && !is_older(theirs.name, window.name);
    if (same ? window.used >= theirs.used : window.name >= theirs.name) break;
    uint32_t name = same ? window.name : theirs.name;
    if (trail_pacer_word_swap(&into->window, &word, trail_pacer_word_of_window(name, theirs.used)))
      break;
  }
  uint64_t stop = trail_pacer_word_read(&into->stop_us);
  uint64_t their_stop = trail_pacer_word_read(&from->stop_us);
  while ((int64_t)stop < (int64_t)their_stop)
    if (trail_pacer_word_swap(&into->stop_us, &stop, their_stop)) break;
}
