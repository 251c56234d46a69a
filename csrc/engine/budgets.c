#include "engine/budgets.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"

/* A program talks to a handful of origins; one that makes them up shares the last place. */
enum { MOST = 256 };

struct entry {
  struct entry *next;
  char *origin;
  struct trail_retry_budget budget;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries;
static unsigned count;

static struct entry *add(const char *origin) {
  struct entry *entry = trail_memory_zalloc(1, sizeof *entry);
  if (!entry) return NULL;
  entry->origin = trail_memory_copy(origin, strlen(origin));
  if (!entry->origin) {
    trail_memory_free(entry);
    return NULL;
  }
  trail_retry_budget_init(&entry->budget);
  entry->next = entries;
  entries = entry;
  count++;
  return entry;
}

struct trail_retry_budget *trail_budgets_find(const char *origin) {
  pthread_mutex_lock(&lock);
  struct entry *entry = entries;
  while (entry && strcmp(entry->origin, origin) != 0) entry = entry->next;
  if (!entry) entry = count < MOST ? add(origin) : entries;
  pthread_mutex_unlock(&lock);
  return entry ? &entry->budget : NULL;
}
