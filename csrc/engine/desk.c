#include "engine/desk.h"

#include <pthread.h>

#include "base/memory.h"

enum { BUCKETS = 512 };

struct waiter {
  struct trail_errand poke; /* first: it is found by it */
  uint64_t number, tick;
  uint64_t asked;          /* what it had seen when it last began to wait */
  uint64_t shares;         /* the id of a call that it waits for with others; 0: none */
  struct trail_desk *desk; /* NULL: closed, and in no bucket */
  bool lost;
  bool listens;        /* for a ring, without having sent a line */
  struct waiter *next; /* of the same bucket */
};

struct trail_desk {
  struct trail_job *first, *last; /* done, not yet detached */
  _Atomic(uint64_t) tick;         /* changed under the lock */
  struct trail_errand leave;
  /* Of the Lua thread alone: */
  struct trail_job *taken; /* detached, not yet handed out */
  uint64_t taken_tick;     /* when `taken` was detached */
  uint64_t seen;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct waiter *waiters[BUCKETS];
static uint64_t waiters_made;

void trail_desk_lock(void) { pthread_mutex_lock(&lock); }
void trail_desk_unlock(void) { pthread_mutex_unlock(&lock); }

/* ---- waiters --------------------------------------------------------------------------------- */

static struct waiter **place_of(uint64_t number) {
  struct waiter **at = &waiters[number % BUCKETS];
  while (*at && (*at)->number != number) at = &(*at)->next;
  return at;
}

uint64_t trail_desk_open_waiter(struct trail_desk *desk) {
  struct waiter *waiter = trail_memory_zalloc(1, sizeof *waiter);
  if (!waiter) return 0;
  trail_desk_lock();
  uint64_t number = waiter->number = ++waiters_made;
  waiter->desk = desk;
  struct waiter **bucket = &waiters[number % BUCKETS];
  waiter->next = *bucket;
  *bucket = waiter;
  trail_desk_unlock();
  return number;
}

struct trail_errand *trail_desk_lose_locked(uint64_t number) {
  struct waiter **at = place_of(number), *waiter = *at;
  if (!waiter) return NULL;
  *at = waiter->next;
  waiter->desk = NULL;
  waiter->lost = true;
  return &waiter->poke;
}

uint64_t trail_desk_asks(struct trail_desk *desk, uint64_t number) {
  trail_desk_lock();
  struct waiter *waiter = *place_of(number);
  if (waiter) {
    waiter->asked = desk->seen;
    waiter->listens = false;
  }
  trail_desk_unlock();
  return desk->seen;
}

uint64_t trail_desk_asked(uint64_t number) {
  trail_desk_lock();
  const struct waiter *waiter = *place_of(number);
  uint64_t seen = waiter ? waiter->asked : 0;
  trail_desk_unlock();
  return seen;
}

bool trail_desk_listens_locked(uint64_t number) {
  struct waiter *waiter = *place_of(number);
  bool listens = waiter && waiter->tick <= waiter->asked;
  if (listens) waiter->listens = true;
  return listens;
}

bool trail_desk_hush(uint64_t number) {
  trail_desk_lock();
  struct waiter *waiter = *place_of(number);
  bool listened = waiter && waiter->listens;
  if (listened) waiter->listens = false;
  trail_desk_unlock();
  return listened;
}

void trail_desk_share(uint64_t number, uint64_t call_id) {
  trail_desk_lock();
  struct waiter *waiter = *place_of(number);
  if (waiter) waiter->shares = call_id;
  trail_desk_unlock();
}

uint64_t trail_desk_unshare(uint64_t number) {
  trail_desk_lock();
  struct waiter *waiter = *place_of(number);
  uint64_t call_id = waiter ? waiter->shares : 0;
  if (waiter) waiter->shares = 0;
  trail_desk_unlock();
  return call_id;
}

bool trail_desk_is_shared(uint64_t call_id) {
  bool shared = false;
  trail_desk_lock();
  for (int i = 0; i < BUCKETS; i++)
    for (const struct waiter *waiter = waiters[i]; waiter; waiter = waiter->next)
      shared = shared || waiter->shares == call_id;
  trail_desk_unlock();
  return shared;
}

bool trail_desk_await(struct trail_call *call, uint64_t waiter) {
  struct trail_job *job = call->job;
  trail_desk_lock();
  bool under_way = !atomic_load_explicit(&job->done, memory_order_relaxed);
  if (under_way) job->waiter = waiter;
  trail_desk_unlock();
  return under_way;
}

uint64_t trail_desk_waiter_of(const struct trail_call *call) {
  trail_desk_lock();
  uint64_t waiter = call->job->waiter;
  trail_desk_unlock();
  return waiter;
}

bool trail_desk_concerns(uint64_t number, uint64_t seen) {
  trail_desk_lock();
  const struct waiter *waiter = *place_of(number);
  bool concerns = !waiter || waiter->tick > seen;
  trail_desk_unlock();
  return concerns;
}

/* ---- news ------------------------------------------------------------------------------------ */

uint64_t trail_desk_put(struct trail_call *call) {
  struct trail_job *job = call->job;
  struct trail_desk *desk = job->desk;
  job->next = NULL;
  trail_desk_lock();
  *(desk->first ? &desk->last->next : &desk->first) = job;
  desk->last = job;
  job->tick = ++desk->tick;
  struct waiter *waiter = job->waiter ? *place_of(job->waiter) : NULL;
  if (waiter) waiter->tick = desk->tick;
  uint64_t number = job->waiter;
  atomic_store_explicit(&job->done, true, memory_order_release);
  trail_desk_unlock();
  return number;
}

struct trail_errand *trail_desk_poke_locked(uint64_t number) {
  struct waiter *waiter = *place_of(number);
  if (!waiter || waiter->tick > waiter->asked) return NULL;
  waiter->tick = ++waiter->desk->tick;
  return &waiter->poke;
}

uint64_t trail_desk_poked(struct trail_errand *errand, bool *lost, uint64_t *shared) {
  struct waiter *waiter = (struct waiter *)errand;
  trail_desk_lock();
  uint64_t number = waiter->number;
  bool closed = !waiter->desk;
  *lost = waiter->lost;
  *shared = waiter->shares;
  waiter->poke.kind = TRAIL_ERRAND_NONE;
  trail_desk_unlock();
  if (closed) trail_memory_free(waiter);
  return number;
}

bool trail_desk_poke(uint64_t number) {
  trail_desk_lock();
  struct waiter *waiter = *place_of(number);
  if (waiter) waiter->tick = ++waiter->desk->tick;
  trail_desk_unlock();
  return waiter != NULL;
}

static void detach(struct trail_desk *desk) {
  trail_desk_lock();
  desk->taken = desk->first;
  desk->taken_tick = desk->tick;
  desk->first = NULL;
  trail_desk_unlock();
}

struct trail_call *trail_desk_next(struct trail_desk *desk) {
  if (!desk->taken && desk->tick == desk->taken_tick) return NULL;
  if (!desk->taken) detach(desk);
  struct trail_job *job = desk->taken;
  if (job) desk->taken = job->next;
  desk->seen = job && job->next ? job->tick : desk->taken_tick;
  return job ? job->call : NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum trail_status trail_desk_create(struct trail_desk **out) {
  *out = trail_memory_zalloc(1, sizeof **out);
  return *out ? TRAIL_OK : TRAIL_NO_MEMORY;
}

struct trail_errand *trail_desk_leave(struct trail_desk *desk) {
  desk->leave.subject = desk;
  return &desk->leave;
}

void trail_desk_destroy(struct trail_desk *desk) {
  if (!desk) return;
  for (struct trail_call *call; (call = trail_desk_next(desk));) trail_call_release(call);
  trail_desk_lock();
  struct waiter *left = NULL;
  for (int i = 0; i < BUCKETS; i++) {
    for (struct waiter **at = &waiters[i], *waiter; (waiter = *at);) {
      if (waiter->desk != desk) {
        at = &waiter->next;
        continue;
      }
      *at = waiter->next;
      waiter->desk = NULL;
      if (waiter->poke.kind != TRAIL_ERRAND_NONE) continue; /* the errand frees it */
      waiter->next = left;
      left = waiter;
    }
  }
  trail_desk_unlock();
  for (struct waiter *waiter; (waiter = left);) {
    left = waiter->next;
    trail_memory_free(waiter);
  }
  trail_memory_free(desk);
}
