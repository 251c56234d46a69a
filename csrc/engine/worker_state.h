/* What the files of the worker share, and under which lock each may touch what of it.
 *
 * worker.c is the thread's life, worker_turn.c what it does with the engine, worker_requests.c what the
 * Lua threads ask of it, and worker_orders.c the list in which that reaches it.
 */
#ifndef TRAIL_ENGINE_WORKER_STATE_H
#define TRAIL_ENGINE_WORKER_STATE_H

#include <pthread.h>

#include "base/fork_mark.h"
#include "engine/desk.h"
#include "engine/engine.h"
#include "net/doorbell.h"

enum { TRAIL_MISSED_AT_ONCE = 64 };

/* Locks are taken in the order of worker.c's, then `at_work`, and the desks' last. */
struct trail_worker {
  pthread_mutex_t at_work; /* the engine moves */
  atomic_bool marked;
  struct trail_fork_mark mark;
  /* Under `at_work`: */
  struct trail_engine *engine;
  struct trail_doorbell *bell;
  uint64_t missed[TRAIL_MISSED_AT_ONCE];   /* waiters who left, their calls to be cancelled */
  uint64_t unshared[TRAIL_MISSED_AT_ONCE]; /* and the calls that they shared with others, or 0 */
  unsigned missed_count;
  bool asking; /* a question was passed on, and perhaps nobody has taken it */
  bool left;   /* somebody who was asked a question, perhaps */
  /* Changed under the desks' lock, looked at anywhere: */
  atomic_bool alive; /* takes errands, and goes on to while there is a desk */
  atomic_bool stop;
  /* Under the desks' lock: */
  bool asleep; /* and nobody has woken it yet */
  int wake;    /* an eventfd */
  unsigned desks;
  int64_t linger_us;
  struct trail_errand *first, *last;
};

extern struct trail_worker trail_worker;

#endif
