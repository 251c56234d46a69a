/* What the Lua threads may ask of the worker: an errand in its list, and a wake-up where they will not
 * ring its doorbell. */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/worker.h"
#include "engine/worker_orders.h"

void trail_worker_wake(void) {
  trail_desk_lock();
  bool sleeps = trail_worker_orders_rouse();
  trail_desk_unlock();
  trail_worker_orders_ring(sleeps);
}

/* ---- calls ----------------------------------------------------------------------------------- */

enum trail_status trail_worker_submit(struct trail_desk *desk, struct trail_call *call,
                                      uint64_t waiter) {
  struct trail_job *job = trail_memory_zalloc(1, sizeof *job);
  if (!job) return TRAIL_NO_MEMORY;
  enum trail_status status = trail_guest_create(call->client);
  if (status != TRAIL_OK) {
    trail_memory_free(job);
    return status;
  }
  job->call = call;
  job->desk = desk;
  job->waiter = waiter;
  call->job = job;
  trail_call_retain(call);
  int64_t now_us = trail_clock_boot_us();
  trail_desk_lock();
  trail_guest_count_up_locked(call->client);
  (void)trail_worker_orders_append(&job->submit, TRAIL_ERRAND_SUBMIT, call, now_us);
  trail_desk_unlock();
  return TRAIL_OK;
}

static void end(struct trail_call *call, enum trail_errand_kind kind) {
  if (trail_worker_is_done(call)) return;
  trail_call_retain(call);
  if (!trail_worker_orders_list(&call->job->end, kind, call)) trail_call_release(call);
}

void trail_worker_cancel(struct trail_call *call, enum trail_status why) {
  end(call, why == TRAIL_TIMEOUT ? TRAIL_ERRAND_EXPIRE : TRAIL_ERRAND_CANCEL);
}

void trail_worker_drop(struct trail_call *call) { end(call, TRAIL_ERRAND_DROP); }

bool trail_worker_is_done(const struct trail_call *call) {
  if (trail_worker_has_crossed()) trail_worker_look_for_fork();
  return atomic_load_explicit(&call->job->done, memory_order_acquire);
}

struct trail_call *trail_worker_next(struct trail_desk *desk) {
  if (trail_worker_has_crossed()) trail_worker_look_for_fork();
  return trail_desk_next(desk);
}

/* ---- waiters --------------------------------------------------------------------------------- */

bool trail_worker_listens(uint64_t waiter) {
  trail_desk_lock();
  bool listens = trail_desk_listens_locked(waiter), sleeps = trail_worker_orders_rouse();
  trail_desk_unlock();
  trail_worker_orders_ring(sleeps);
  return listens;
}

void trail_worker_poke(uint64_t waiter) {
  int64_t now_us = trail_clock_boot_us();
  trail_desk_lock();
  struct trail_errand *errand = trail_desk_poke_locked(waiter);
  if (errand && trail_worker_orders_append(errand, TRAIL_ERRAND_POKE, errand, now_us))
    trail_worker_orders_end_sleep();
  trail_desk_unlock();
}

void trail_worker_greet(struct trail_client *client, uint64_t waiter) {
  if (!waiter || !trail_guest_has_news(client)) return;
  trail_worker_poke(waiter);     /* where it waits already */
  (void)trail_desk_poke(waiter); /* where it is about to */
}

void trail_worker_lose(uint64_t waiter) {
  int64_t now_us = trail_clock_boot_us();
  trail_desk_lock();
  struct trail_errand *errand = trail_desk_lose_locked(waiter);
  if (errand) {
    (void)trail_worker_orders_append(errand, TRAIL_ERRAND_POKE, errand, now_us);
    trail_worker_orders_end_sleep();
  }
  trail_desk_unlock();
}

/* ---- clients --------------------------------------------------------------------------------- */

static void send_client(struct trail_client *client, enum trail_errand_kind kind) {
  trail_client_retain(client);
  if (!trail_worker_orders_list(trail_guest_errand(client, kind), kind, client))
    trail_client_release(client);
}

void trail_worker_close_client(struct trail_client *client) {
  send_client(client, TRAIL_ERRAND_CLOSE);
}

void trail_worker_key_answered(struct trail_client *client, const char *problem) {
  trail_guest_answer_question(client, problem);
  send_client(client, TRAIL_ERRAND_ANSWERED);
}

void trail_worker_key_deaf(struct trail_client *client) { send_client(client, TRAIL_ERRAND_DEAF); }

static struct trail_key_errand *new_change(struct trail_client *client,
                                           enum trail_key_source source) {
  struct trail_key_errand *change = trail_memory_zalloc(1, sizeof *change);
  if (!change) return NULL;
  change->client = trail_client_retain(client);
  change->source = source;
  return change;
}

static enum trail_status send_key(struct trail_key_errand *change, enum trail_errand_kind kind,
                                  const char *label, struct trail_slice key,
                                  struct trail_key_fault *fault) {
  if (!change) return TRAIL_NO_MEMORY;
  enum trail_status status =
      label ? trail_key_adopt(&change->key, key, label, NULL, fault) : TRAIL_OK;
  if (status != TRAIL_OK) {
    trail_worker_orders_free_key(change);
    return status;
  }
  (void)trail_worker_orders_list(&change->errand, kind, change);
  return TRAIL_OK;
}

enum trail_status trail_worker_set_key(struct trail_client *client, enum trail_key_source source,
                                       struct trail_slice key, int64_t until_us,
                                       struct trail_key_fault *fault) {
  bool function = source == TRAIL_KEY_FUNCTION;
  struct trail_key_errand *change = new_change(client, source);
  if (change) change->until_us = until_us;
  return send_key(change, TRAIL_ERRAND_KEY, function ? "the key returned by function key" : "key",
                  key, fault);
}

enum trail_status trail_worker_use_function(struct trail_client *client) {
  return send_key(new_change(client, TRAIL_KEY_FUNCTION), TRAIL_ERRAND_KEY, NULL,
                  trail_slice_text(""), NULL);
}

enum trail_status trail_worker_set_fallback(struct trail_client *client, struct trail_slice key,
                                            struct trail_key_fault *fault) {
  return send_key(new_change(client, TRAIL_KEY_OPTION), TRAIL_ERRAND_FALLBACK, "fallback_key", key,
                  fault);
}
