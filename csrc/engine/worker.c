#include "engine/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/memory.h"
#include "base/signals.h"
#include "engine/worker_orders.h"
#include "engine/worker_turn.h"
#include "net/library.h"

enum { EXIT_WAIT_S = 2 };

static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER; /* starting and ending */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* whoever wants `at_work` waits here */

/* Under `life`: */
static struct {
  pthread_t thread;
  bool to_be_joined;
  bool registered; /* handlers of fork and exit */
  enum trail_doorbell_kind kind;
  char fault[256];
} own;

/* ---- the thread ------------------------------------------------------------------------------ */

/* No state has a desk: when the thread ends. Otherwise TRAIL_NEVER. */
static int64_t idle_until(int64_t *idle_us, int64_t now_us) {
  trail_desk_lock();
  bool idle = trail_worker.desks == 0 && !trail_worker.first;
  int64_t linger_us = trail_worker.linger_us;
  trail_desk_unlock();
  if (!idle) *idle_us = 0;
  if (idle && !*idle_us) *idle_us = now_us;
  return idle ? *idle_us + linger_us : TRAIL_NEVER;
}

/* The last look: a state that comes after it starts another thread. */
static bool may_end(void) {
  trail_desk_lock();
  bool ends = trail_worker.desks == 0 && !trail_worker.first;
  if (ends) trail_worker.alive = false;
  trail_desk_unlock();
  return ends;
}

static void take_down(struct trail_transport *transport) {
  trail_doorbell_close(trail_worker.bell);
  transport->ops->unwatch(transport, trail_worker.wake);
  if (trail_worker.wake >= 0)
    close(trail_worker.wake); /* nobody writes to it: the worker is not alive */
  trail_worker.wake = -1;
  trail_engine_destroy(trail_worker.engine);
  trail_worker.bell = NULL;
  trail_worker.engine = NULL;
}

/* A fork that wants the engine at rest is let in before the next turn. */
static void pass_gate(void) {
  pthread_mutex_unlock(&trail_worker.at_work);
  pthread_mutex_lock(&gate);
  pthread_mutex_unlock(&gate);
  pthread_mutex_lock(&trail_worker.at_work);
}

static void *run(void *unused) {
  int64_t idle_us = 0;
  (void)unused;
  (void)pthread_setname_np(pthread_self(), "trailmark"); /* another's would need /proc */
  trail_memory_begin_worker();
  pthread_mutex_lock(&trail_worker.at_work);
  struct trail_transport *transport = trail_engine_transport(trail_worker.engine);
  transport->lock = &trail_worker.at_work;
  while (!trail_worker.stop) {
    trail_worker_turn_take(transport);
    int64_t now_us = trail_clock_boot_us(), until_us = idle_until(&idle_us, now_us);
    if (until_us <= now_us && may_end()) {
      take_down(transport);
      break;
    }
    (void)transport->ops->wait(transport, trail_worker_turn_fall_asleep(until_us));
    pass_gate();
  }
  trail_memory_end_worker();
  pthread_mutex_unlock(&trail_worker.at_work);
  return NULL;
}
/* ---- the process's exit and forks ------------------------------------------------------------ */

/* Registered after libcurl and OpenSSL have registered theirs, and so called before them. What is in
 * flight stays as it is: the process ends. */
static void at_exit(void) {
  struct timespec until;
  if (!own.to_be_joined || trail_fork_mark_crossed(&trail_worker.mark)) return;
  trail_desk_lock();
  trail_worker.stop = true;
  trail_worker_orders_end_sleep();
  trail_desk_unlock();
  clock_gettime(CLOCK_MONOTONIC, &until); /* which nobody sets */
  until.tv_sec += EXIT_WAIT_S;
  if (pthread_clockjoin_np(own.thread, NULL, CLOCK_MONOTONIC, &until) == 0)
    own.to_be_joined = false;
}

static void before_fork(void) {
  pthread_mutex_lock(&life);
  pthread_mutex_lock(&gate);
  pthread_mutex_lock(&trail_worker.at_work);
  trail_desk_lock();
}

static void after_fork(void) {
  trail_desk_unlock();
  pthread_mutex_unlock(&trail_worker.at_work);
  pthread_mutex_unlock(&gate);
  pthread_mutex_unlock(&life);
}

static enum trail_status renew_engine(void) {
  struct trail_transport *fresh;
  enum trail_status status = trail_curl_transport_create(&fresh);
  if (status != TRAIL_OK) return status;
  int64_t now_us = trail_clock_boot_us();
  trail_engine_replace_transport(trail_worker.engine, fresh); /* closes the copy of `wake`, too */
  trail_worker.wake = -1;
  trail_doorbell_abandon(trail_worker.bell);
  trail_worker.bell = NULL;
  trail_worker_turn_give_up_submissions(now_us);
  trail_worker_turn_hand_back(now_us);
  return TRAIL_OK;
}

bool trail_worker_has_crossed(void) {
  return atomic_load(&trail_worker.marked) && trail_fork_mark_crossed(&trail_worker.mark);
}

/* With `life` held. */
static enum trail_status cross(void) {
  if (!trail_worker_has_crossed()) return TRAIL_OK;
  pthread_mutex_lock(&trail_worker.at_work);
  enum trail_status status = trail_worker.engine ? renew_engine() : TRAIL_OK;
  pthread_mutex_unlock(&trail_worker.at_work);
  if (status != TRAIL_OK) return status;
  own.to_be_joined = false;
  trail_worker.alive = false;
  trail_worker.stop = trail_worker.asleep = false;
  trail_fork_mark_set(&trail_worker.mark);
  return TRAIL_OK;
}

void trail_worker_look_for_fork(void) {
  pthread_mutex_lock(&life);
  (void)!cross();
  pthread_mutex_unlock(&life);
}
/* ---- starting -------------------------------------------------------------------------------- */

static enum trail_status complain(enum trail_status status, const char *what, int error) {
  char room[128];
  const char *reason = error ? strerror_r(error, room, sizeof room) : "";
  snprintf(own.fault, sizeof own.fault, "%s%s%s", what, error ? ": " : "", reason);
  return status;
}

static enum trail_status complain_of_descriptors(const char *what) {
  trail_descriptors_complain(what, own.fault, sizeof own.fault);
  return TRAIL_NETWORK;
}

static enum trail_status make_engine(void) {
  struct trail_transport *transport;
  if (trail_worker.engine) return TRAIL_OK;
  enum trail_status status = trail_curl_transport_create(&transport);
  if (status == TRAIL_CONFIG) return complain(status, trail_library_fault(), 0);
  if (status == TRAIL_NETWORK) return complain_of_descriptors("epoll");
  if (status != TRAIL_OK) return status;
  status = trail_engine_create(transport, &trail_worker.engine);
  if (status != TRAIL_OK) transport->ops->destroy(transport);
  return status;
}

static enum trail_status make_door(void) {
  struct trail_transport *transport = trail_engine_transport(trail_worker.engine);
  if (trail_worker.bell) return TRAIL_OK;
  enum trail_status status = trail_doorbell_open(transport, own.kind, &trail_worker.bell);
  if (status == TRAIL_CONFIG) return complain(status, trail_doorbell_fault(own.kind), 0);
  if (status == TRAIL_NETWORK) return complain_of_descriptors("the doorbell");
  if (status != TRAIL_OK) return status;
  trail_worker.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (trail_worker.wake < 0) return complain_of_descriptors("an eventfd");
  status = transport->ops->watch(transport, trail_worker.wake);
  return status == TRAIL_NETWORK ? complain(status, "epoll takes no more descriptors", 0) : status;
}

static enum trail_status make_thread(void) {
  sigset_t before;
  trail_desk_lock();
  trail_worker.stop = trail_worker.asleep = false;
  trail_desk_unlock();
  trail_signals_hold(&before);
  int problem = pthread_create(&own.thread, NULL, run, NULL);
  trail_signals_release(&before);
  if (problem)
    return complain(TRAIL_CONFIG, "no thread can be started (see RLIMIT_NPROC)", problem);
  own.to_be_joined = true;
  trail_desk_lock();
  trail_worker.alive = true; /* not before: others look at it without `life` */
  trail_desk_unlock();
  return TRAIL_OK;
}

static void register_handlers(void) {
  if (own.registered) return;
  own.registered = true;
  (void)atexit(at_exit);
  (void)pthread_atfork(before_fork, after_fork, after_fork);
}

/* Of a thread that is not alive any more; it may still be taking down its engine. */
static void join_ended(void) {
  if (own.to_be_joined) pthread_join(own.thread, NULL);
  own.to_be_joined = false;
}

static enum trail_status start(void) {
  if (trail_worker.alive) return TRAIL_OK;
  join_ended();
  pthread_mutex_lock(&trail_worker.at_work);
  enum trail_status status = make_engine();
  if (status == TRAIL_OK) status = make_door();
  if (status != TRAIL_OK && trail_worker.engine)
    take_down(trail_engine_transport(trail_worker.engine));
  pthread_mutex_unlock(&trail_worker.at_work);
  if (status != TRAIL_OK) return status;
  if (!trail_worker.marked) trail_fork_mark_set(&trail_worker.mark);
  atomic_store(&trail_worker.marked, true);
  register_handlers();
  return make_thread();
}

enum trail_status trail_worker_start(void) {
  if (trail_worker_runs()) return TRAIL_OK; /* and goes on to: whoever calls this has a desk */
  pthread_mutex_lock(&life);
  enum trail_status status = cross();
  if (status == TRAIL_OK) status = start();
  pthread_mutex_unlock(&life);
  return status;
}

void trail_worker_choose_doorbell(enum trail_doorbell_kind kind) {
  pthread_mutex_lock(&life);
  own.kind = kind;
  pthread_mutex_unlock(&life);
}

const char *trail_worker_fault(void) { return own.fault; }

bool trail_worker_runs(void) { return trail_worker.alive && !trail_worker_has_crossed(); }

const char *trail_worker_address(void) {
  return trail_worker_runs() ? trail_doorbell_address(trail_worker.bell) : NULL;
}

/* ---- desks ----------------------------------------------------------------------------------- */

enum trail_status trail_worker_open(struct trail_desk **out) {
  enum trail_status status = trail_desk_create(out);
  if (status != TRAIL_OK) return status;
  trail_desk_lock();
  trail_worker.desks++;
  trail_desk_unlock();
  return TRAIL_OK;
}

/* No thread will come for it, as in a child that only ends. With `life` held. */
static void leave_here(struct trail_desk *desk) {
  join_ended();
  pthread_mutex_lock(&trail_worker.at_work);
  if (trail_worker.engine)
    trail_worker_turn_perform(TRAIL_ERRAND_LEAVE, desk, 0);
  else
    trail_desk_destroy(desk);
  pthread_mutex_unlock(&trail_worker.at_work);
}

void trail_worker_close(struct trail_desk *desk) {
  if (!desk) return;
  pthread_mutex_lock(&life);
  (void)!cross();
  trail_desk_lock();
  trail_worker.desks--;
  bool alive = trail_worker.alive;
  if (alive) (void)trail_worker_orders_append(trail_desk_leave(desk), TRAIL_ERRAND_LEAVE, desk, 0);
  trail_worker_orders_end_sleep();
  trail_desk_unlock();
  if (!alive) leave_here(desk);
  pthread_mutex_unlock(&life);
}

void trail_worker_linger(int64_t us) {
  trail_desk_lock();
  trail_worker.linger_us = us;
  trail_worker_orders_end_sleep();
  trail_desk_unlock();
}
