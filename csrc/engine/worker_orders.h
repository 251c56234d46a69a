/* The errands that the Lua threads have for the worker: a list, which it detaches whole, and the write
 * that wakes it if it sleeps.
 */
#ifndef TRAIL_ENGINE_WORKER_ORDERS_H
#define TRAIL_ENGINE_WORKER_ORDERS_H

#include "engine/worker_state.h"

/* A key on its way: checked here, set there. Without a line: a function is to give it. */
struct trail_key_errand {
  struct trail_errand errand;
  struct trail_client *client;
  enum trail_key_source source;
  struct trail_key key;
  int64_t until_us; /* what a function gave is good until then */
};

/* With the desks' lock: whether it sleeps, and nobody else is about to ring. The ring comes without
 * the lock, for that is what the worker takes first; it is there to hear it as long as the one who
 * rings has a desk. */
bool trail_worker_orders_rouse(void);
void trail_worker_orders_ring(bool sleeps);
/* With the desks' lock: both, for one who may have no desk any more. */
void trail_worker_orders_end_sleep(void);
/* With the desks' lock. False where it is listed already; else the subject's hold goes with it. */
bool trail_worker_orders_append(struct trail_errand *errand, enum trail_errand_kind kind,
                                void *subject, int64_t now_us);
/* The same without the lock, and wakes the worker. */
bool trail_worker_orders_list(struct trail_errand *errand, enum trail_errand_kind kind,
                              void *subject);
/* By the worker, which is awake. */
struct trail_errand *trail_worker_orders_detach(void);
void trail_worker_orders_free_key(struct trail_key_errand *change);

#endif
