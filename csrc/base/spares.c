#include "base/spares.h"

#include <pthread.h>
#include <stdatomic.h>

#if defined __SANITIZE_ADDRESS__
#define KEPT_MAX 0
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define KEPT_MAX 0
#endif
#endif
#ifndef KEPT_MAX
#define KEPT_MAX ((size_t)512 << 10) /* bytes */
#endif

/* glibc rounds sizes up to these steps, less the eight bytes that it keeps for itself. */
enum { STEP = 16, ODD = 8, LARGEST = 4608, PLACES = LARGEST / STEP + 1 };

struct spare {
  struct spare *next;
};

struct store {
  _Atomic(pthread_t) keeper;    /* the only thread that touches the rest; 0: none yet */
  struct spare *places[PLACES]; /* blocks at place p have room for p * STEP + ODD bytes */
  size_t kept;
};

static struct store first, worker;

static bool is_of(const struct store *store, pthread_t thread) {
  return atomic_load_explicit(&store->keeper, memory_order_relaxed) == thread;
}

/* The store of this thread, or NULL. */
static struct store *mine(void) {
  pthread_t self = pthread_self();
  if (is_of(&first, self)) return &first;
  return is_of(&worker, self) ? &worker : NULL;
}

static struct store *mine_from_now_on(void) {
  pthread_t nobody = 0;
  struct store *store = mine();
  if (store || !atomic_compare_exchange_strong(&first.keeper, &nobody, pthread_self()))
    return store;
  return &first;
}

void *trail_spares_take(size_t size) {
  struct store *store = size > LARGEST ? NULL : mine();
  if (!store) return NULL;
  size_t place = size > STEP + ODD ? (size - ODD + STEP - 1) / STEP : 1;
  struct spare *spare = store->places[place];
  if (!spare) return NULL;
  store->places[place] = spare->next;
  spare->next = NULL;
  store->kept -= place * STEP;
  return spare;
}

bool trail_spares_keep(void *block, size_t usable) {
  if (usable < STEP + ODD || usable >= PLACES * STEP) return false;
  size_t place = (usable - ODD) / STEP;
  struct store *store = mine_from_now_on();
  if (!store || store->kept + place * STEP > KEPT_MAX) return false;
  struct spare *spare = block;
  spare->next = store->places[place];
  store->places[place] = spare;
  store->kept += place * STEP;
  return true;
}

void trail_spares_begin(void) {
  atomic_store_explicit(&worker.keeper, pthread_self(), memory_order_relaxed);
}

void *trail_spares_end(void) {
  for (int place = 0; place < PLACES; place++) {
    struct spare *spare = worker.places[place];
    if (!spare) continue;
    worker.places[place] = spare->next;
    return spare;
  }
  worker.kept = 0;
  atomic_store_explicit(&worker.keeper, (pthread_t)0, memory_order_relaxed);
  return NULL;
}
