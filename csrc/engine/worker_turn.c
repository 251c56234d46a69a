#include "engine/worker_turn.h"

#include <unistd.h>

#include "base/clock.h"
#include "engine/guest.h"
#include "engine/life.h"
#include "engine/worker_orders.h"

/* ---- errands --------------------------------------------------------------------------------- */

static void set_key(struct trail_keyring *keyring, const struct trail_key_errand *change) {
  struct trail_key_fault unsaid; /* it was found good before */
  if (!change->key.line) {
    trail_keyring_use_function(keyring);
    return;
  }
  (void)!trail_keyring_set(keyring, change->source, trail_key_of(change->key.line), &unsaid);
  trail_keyring_keep_until(keyring, change->until_us);
}

static void change_key(struct trail_key_errand *change, bool fallback) {
  struct trail_keyring *keyring = &change->client->keyring;
  struct trail_key_fault unsaid;
  if (fallback)
    (void)!trail_keyring_set_fallback(keyring, trail_key_of(change->key.line), &unsaid);
  else
    set_key(keyring, change);
  trail_guest_note(change->client, trail_clock_boot_us());
  trail_worker_orders_free_key(change);
}

static void take_answer(struct trail_client *client, int64_t now_us) {
  struct trail_guest_problem problem;
  trail_guest_read_problem(client, &problem);
  trail_engine_key_answered(trail_worker.engine, client, problem.text[0] ? problem.text : NULL,
                            now_us);
  trail_client_release(client);
}

static void submit(struct trail_call *call, int64_t at_us) {
  struct trail_engine *engine = trail_worker.engine;
  call->announced = true;
  if (trail_engine_submit(engine, call, at_us) != TRAIL_OK)
    trail_engine_refuse(engine, call, TRAIL_NO_MEMORY, at_us);
  trail_call_release(call);
}

static void cancel_all(const struct trail_desk *desk, int64_t now_us) {
  for (struct trail_call *call = trail_worker.engine->first, *next; call; call = next) {
    next = call->next;
    if (call->job->desk == desk)
      trail_engine_cancel(trail_worker.engine, call, TRAIL_CANCELLED, now_us);
  }
}

static void close_client(struct trail_client *client, int64_t now_us) {
  trail_engine_cancel_client(trail_worker.engine, client, TRAIL_CLOSED, now_us);
  trail_client_forget_keys(client);
}

static void answer(uint64_t waiter) {
  if (!waiter || !trail_worker.bell) return;
  if (trail_desk_hush(waiter))
    trail_doorbell_ring(trail_worker.bell, waiter);
  else
    trail_doorbell_answer(trail_worker.bell, waiter);
}

static void poke(uint64_t waiter) {
  if (waiter && trail_desk_poke(waiter)) answer(waiter);
}

static void deliver(int64_t now_us);

/* Whoever was to ask for a key may have been the one that left. */
static void ask_the_others(void) {
  trail_worker.left = false;
  for (struct trail_call *call = trail_worker.engine->first; call; call = call->next)
    if (call->state == TRAIL_CALL_AWAITING_KEY) poke(trail_desk_waiter_of(call));
}

static bool is_among(uint64_t number, const uint64_t *numbers) {
  for (unsigned i = 0; number && i < trail_worker.missed_count; i++)
    if (numbers[i] == number) return true;
  return false;
}

/* Nobody is left of those who waited for it. */
static bool is_missed(const struct trail_call *call) {
  if (is_among(trail_desk_waiter_of(call), trail_worker.missed)) return true;
  return is_among(call->id, trail_worker.unshared) && !trail_desk_is_shared(call->id);
}

/* Many may leave at once, so the calls are gone through once for all of them. */
static void cancel_missed(int64_t now_us) {
  if (!trail_worker.missed_count) return;
  for (struct trail_call *call = trail_worker.engine->first, *next; call; call = next) {
    next = call->next;
    if (is_missed(call)) trail_engine_cancel(trail_worker.engine, call, TRAIL_CANCELLED, now_us);
  }
  trail_worker.missed_count = 0;
  trail_worker.left = true;
}

static void miss(uint64_t waiter, uint64_t shared, int64_t now_us) {
  if (trail_worker.missed_count == TRAIL_MISSED_AT_ONCE) cancel_missed(now_us);
  trail_worker.missed[trail_worker.missed_count] = waiter;
  trail_worker.unshared[trail_worker.missed_count++] = shared;
}

static void look_after(struct trail_errand *poke, int64_t now_us) {
  bool lost;
  uint64_t shared, waiter = trail_desk_poked(poke, &lost, &shared);
  if (lost)
    miss(waiter, shared, now_us);
  else
    answer(waiter);
}

void trail_worker_turn_perform(enum trail_errand_kind kind, void *subject, int64_t at_us) {
  int64_t now_us = trail_clock_boot_us();
  switch (kind) {
    case TRAIL_ERRAND_SUBMIT:
      submit(subject, at_us);
      break;
    case TRAIL_ERRAND_CANCEL:
    case TRAIL_ERRAND_EXPIRE:
      trail_engine_cancel(trail_worker.engine, subject,
                          kind == TRAIL_ERRAND_EXPIRE ? TRAIL_TIMEOUT : TRAIL_CANCELLED, now_us);
      trail_call_release(subject);
      break;
    case TRAIL_ERRAND_DROP:
      trail_engine_drop(trail_worker.engine, subject, now_us);
      trail_call_release(subject);
      break;
    case TRAIL_ERRAND_LEAVE:
      cancel_all(subject, now_us);
      deliver(now_us);
      trail_desk_destroy(subject);
      break;
    case TRAIL_ERRAND_CLOSE:
      close_client(subject, now_us);
      trail_client_release(subject);
      break;
    case TRAIL_ERRAND_KEY:
    case TRAIL_ERRAND_FALLBACK:
      change_key(subject, kind == TRAIL_ERRAND_FALLBACK);
      break;
    case TRAIL_ERRAND_ANSWERED:
      take_answer(subject, now_us);
      break;
    case TRAIL_ERRAND_DEAF:
      trail_engine_key_deaf(trail_worker.engine, subject, now_us);
      trail_client_release(subject);
      break;
    case TRAIL_ERRAND_POKE:
      look_after(subject, now_us);
      break;
    case TRAIL_ERRAND_NONE:
      break;
  }
}

static void run_errands(void) {
  for (struct trail_errand *errand = trail_worker_orders_detach(), *next; errand; errand = next) {
    struct trail_errand was = *errand;
    next = was.next;
    trail_desk_lock();
    if (was.kind != TRAIL_ERRAND_POKE)
      errand->kind = TRAIL_ERRAND_NONE; /* may be listed again, or freed with its subject */
    trail_desk_unlock();
    trail_worker_turn_perform(was.kind, was.subject, was.at_us);
  }
}

/* ---- results --------------------------------------------------------------------------------- */

void trail_worker_turn_hand_back(int64_t now_us) {
  for (struct trail_call *call; (call = trail_engine_next_finished(trail_worker.engine));) {
    trail_guest_note(call->client, now_us);
    uint64_t closer = trail_guest_count_down(call->client);
    answer(trail_desk_put(call));
    poke(closer);
  }
}

/* One of those who wait is to read them; where nobody does, whoever begins to. */
static void pass_on_events(int64_t now_us) {
  for (struct trail_call *call = trail_worker.engine->first; call; call = call->next) {
    uint64_t waiter = call->client->events.count ? trail_desk_waiter_of(call) : 0;
    if (waiter && trail_guest_note(call->client, now_us)) poke(waiter);
  }
  for (struct trail_call *call = trail_worker.engine->first; call; call = call->next)
    if (call->client->events.count) trail_guest_note(call->client, now_us);
}

/* A function is to be asked for a key, by somebody who waits for it. Not every call has such a one,
 * and not everyone who has a number waits just now: so all of them hear of it, and those whose call
 * is refused later, too, until somebody has taken the question. */
static void pass_on_questions(void) {
  trail_worker.asking = false;
  for (struct trail_call *call = trail_worker.engine->first; call; call = call->next) {
    if (call->state != TRAIL_CALL_AWAITING_KEY) continue;
    enum trail_key_verdict question = trail_engine_key_take(trail_worker.engine, call->client);
    if (question != TRAIL_KEY_GIVE_UP) trail_guest_put_question(call->client, question);
    if (!trail_guest_asks(call->client)) continue;
    trail_worker.asking = true;
    uint64_t waiter = trail_desk_waiter_of(call);
    poke(waiter ? waiter : trail_guest_closer(call->client));
  }
}

static void deliver(int64_t now_us) {
  trail_worker_turn_hand_back(now_us);
  struct trail_news news = trail_engine_news(trail_worker.engine);
  if (news.events) pass_on_events(now_us);
  if (news.question || trail_worker.asking) pass_on_questions();
}

/* ---- a turn ---------------------------------------------------------------------------------- */

static void hear(int fd, int64_t now_us) {
  struct trail_doorbell_ring ring;
  uint64_t count;
  if (fd == trail_worker.wake) {
    (void)!read(fd, &count, sizeof count);
    return;
  }
  if (!trail_doorbell_hear(trail_worker.bell, fd, &ring)) return;
  if (!ring.waiter) {
    trail_worker.left = true;
  } else if (ring.gone) {
    if (trail_desk_hush(ring.waiter) || ring.waited)
      miss(ring.waiter, trail_desk_unshare(ring.waiter), now_us);
  } else if (trail_desk_concerns(ring.waiter, ring.seen)) {
    answer(ring.waiter);
  }
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t trail_worker_turn_fall_asleep(int64_t idle_until_us) {
  int64_t until_us = earlier(trail_engine_wake_us(trail_worker.engine), idle_until_us);
  until_us = earlier(until_us, trail_doorbell_wake_us(trail_worker.bell));
  trail_desk_lock();
  if (trail_worker.first || trail_worker.stop) until_us = 0;
  trail_worker.asleep = until_us != 0;
  trail_desk_unlock();
  return until_us;
}

void trail_worker_turn_take(struct trail_transport *transport) {
  run_errands(); /* before the bells: who leaves may have said something else before */
  int64_t now_us = trail_clock_boot_us();
  for (int fd; (fd = transport->ops->readable(transport)) >= 0;) hear(fd, now_us);
  cancel_missed(now_us);
  trail_doorbell_advance(trail_worker.bell, now_us);
  trail_engine_advance(trail_worker.engine, now_us);
  if (trail_worker.left) ask_the_others(); /* with those who have just begun to wait */
  deliver(now_us);
}

/* ---- in the child of a fork ------------------------------------------------------------------ */

void trail_worker_turn_give_up_submissions(int64_t now_us) {
  trail_desk_lock();
  struct trail_errand *first = trail_worker.first, **at = &first;
  struct trail_errand *submissions = NULL, **end = &submissions;
  while (*at) {
    struct trail_errand *errand = *at;
    if (errand->kind != TRAIL_ERRAND_SUBMIT) {
      at = &errand->next;
      continue;
    }
    *at = errand->next;
    errand->next = NULL;
    *end = errand;
    end = &errand->next;
  }
  trail_worker.first = first;
  for (trail_worker.last = first; trail_worker.last && trail_worker.last->next;)
    trail_worker.last = trail_worker.last->next;
  trail_desk_unlock();
  for (struct trail_errand *errand = submissions, *next; errand; errand = next) {
    next = errand->next;
    struct trail_call *call = errand->subject;
    errand->kind = TRAIL_ERRAND_NONE;
    call->announced = true;
    trail_answer_say(&call->answer,
                     "the call belongs to the process that this one was forked from");
    trail_engine_refuse(trail_worker.engine, call, TRAIL_CANCELLED, now_us);
    trail_call_release(call);
  }
}
