#include "engine/budgets.h"

#include <stdatomic.h>
#include <stddef.h>

/* Whose place it is and how many hold it change together, in one word: the origin's digest above,
 * the count below. Two origins of one digest would share a budget, which harms nobody. */
enum { COUNT_BITS = 20 };
#define COUNT_MAX ((UINT64_C(1) << COUNT_BITS) - 1)

struct place {
  struct trail_retry_budget budget; /* first: a budget's place is found from it */
  _Atomic uint64_t word;            /* 0: never used */
};

static struct place places[TRAIL_BUDGETS_PLACES];

/* FNV-1a */
static uint64_t digest(const char *text) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  return hash & ~COUNT_MAX;
}

static bool hold_known(struct place *place, uint64_t origin) {
  uint64_t word = atomic_load(&place->word);
  while ((word & ~COUNT_MAX) == origin && (word & COUNT_MAX) < COUNT_MAX)
    if (atomic_compare_exchange_weak(&place->word, &word, word + 1)) return true;
  return false;
}

/* How well it may go to another origin; 0: not at all. */
static uint32_t spareness(struct place *place, uint64_t word) {
  if (word & COUNT_MAX) return 0;
  return word ? 1 + atomic_load(&place->budget.tokens) : UINT32_MAX;
}

static struct place *most_spare(uint64_t *its_word) {
  struct place *best = NULL;
  uint32_t most = 0;
  for (int i = 0; i < TRAIL_BUDGETS_PLACES; i++) {
    uint64_t word = atomic_load(&places[i].word);
    uint32_t much = spareness(&places[i], word);
    if (much <= most) continue;
    best = &places[i];
    most = much;
    *its_word = word;
  }
  return best;
}

/* Threads that bring one new origin at once may get a budget each: no harm. */
struct trail_retry_budget *trail_budgets_hold(const char *origin) {
  uint64_t name = digest(origin), word;
  struct place *place;
  for (int i = 0; i < TRAIL_BUDGETS_PLACES; i++)
    if (hold_known(&places[i], name)) return &places[i].budget;
  do {
    place = most_spare(&word);
    if (!place) return NULL;
  } while (!atomic_compare_exchange_strong(&place->word, &word, name + 1));
  trail_retry_budget_init(&place->budget);
  return &place->budget;
}

void trail_budgets_release(struct trail_retry_budget *budget) {
  if (budget) atomic_fetch_sub(&((struct place *)budget)->word, 1);
}
