#include "engine/budgets.h"

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"

/* A program talks to a handful of origins; one that makes them up shares the last place. */
enum { MOST = 256 };

struct entry {
  struct entry *next;
  char *origin;
  struct trail_retry_budget budget;
};

/* Entries are only ever added, by a compare-and-swap: no lock that a fork could copy while it is held. */
static struct entry *_Atomic entries;
static atomic_uint count;

static struct entry *find(struct entry *from, const char *origin) {
  while (from && strcmp(from->origin, origin) != 0) from = from->next;
  return from;
}

static struct entry *create(const char *origin) {
  struct entry *entry = trail_memory_zalloc(1, sizeof *entry);
  if (!entry) return NULL;
  entry->origin = trail_memory_copy(origin, strlen(origin));
  if (!entry->origin) {
    trail_memory_free(entry);
    return NULL;
  }
  trail_retry_budget_init(&entry->budget);
  return entry;
}

static struct entry *add(struct entry *first, const char *origin) {
  struct entry *entry = create(origin);
  if (!entry) return NULL;
  do { /* two threads that add one origin at once get a budget each: no harm */
    entry->next = first;
  } while (!atomic_compare_exchange_weak(&entries, &first, entry));
  atomic_fetch_add(&count, 1);
  return entry;
}

struct trail_retry_budget *trail_budgets_find(const char *origin) {
  struct entry *first = atomic_load(&entries);
  struct entry *entry = find(first, origin);
  if (!entry) entry = atomic_load(&count) < MOST ? add(first, origin) : first;
  return entry ? &entry->budget : NULL;
}
