#include "engine/worker_orders.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

enum { LINGER_US = 60000000 };

struct trail_worker trail_worker = {
    .at_work = PTHREAD_MUTEX_INITIALIZER, .wake = -1, .linger_us = LINGER_US};

bool trail_worker_orders_rouse(void) {
  bool sleeps = trail_worker.alive && trail_worker.asleep;
  trail_worker.asleep = false;
  return sleeps;
}

void trail_worker_orders_ring(bool sleeps) {
  uint64_t one = 1;
  if (sleeps) (void)!write(trail_worker.wake, &one, sizeof one);
}

void trail_worker_orders_end_sleep(void) { trail_worker_orders_ring(trail_worker_orders_rouse()); }

bool trail_worker_orders_append(struct trail_errand *errand, enum trail_errand_kind kind,
                                void *subject, int64_t now_us) {
  if (errand->kind != TRAIL_ERRAND_NONE) return false;
  *errand = (struct trail_errand){.kind = kind, .subject = subject, .at_us = now_us};
  *(trail_worker.first ? &trail_worker.last->next : &trail_worker.first) = errand;
  trail_worker.last = errand;
  return true;
}

bool trail_worker_orders_list(struct trail_errand *errand, enum trail_errand_kind kind,
                              void *subject) {
  int64_t now_us = trail_clock_boot_us();
  trail_desk_lock();
  bool listed = trail_worker_orders_append(errand, kind, subject, now_us);
  trail_worker_orders_end_sleep();
  trail_desk_unlock();
  return listed;
}

struct trail_errand *trail_worker_orders_detach(void) {
  trail_desk_lock();
  struct trail_errand *first = trail_worker.first;
  trail_worker.first = NULL;
  trail_worker.asleep = false;
  trail_desk_unlock();
  return first;
}

void trail_worker_orders_free_key(struct trail_key_errand *change) {
  trail_client_release(change->client);
  trail_key_clear(&change->key);
  trail_memory_free(change);
}
