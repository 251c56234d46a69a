#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/attempt.h"
#include "engine/life.h"
#include "engine/pacing.h"
#include "engine/rotation.h"

/* A turn stays short. Where it is one of a host's loop it takes two milliseconds or so, although each
 * of these starts may have to connect. */
enum { STARTS_IN_A_TURN = 64, STARTS_IN_A_BRIEF_TURN = 4 };

/* ---- calls that may start -------------------------------------------------------------------- */

static void serve_line(struct trail_engine *engine, struct trail_client *client,
                       struct trail_line *line, int64_t now_us) {
  while (line->first && client->lane.in_flight < client->defaults.concurrency && engine->starts) {
    struct trail_call *call = line->first;
    if (trail_rotation_holds(engine, call, now_us)) continue;
    if (trail_pacing_admits(engine, line, now_us)) {
      engine->starts--;
      trail_attempt_begin(engine, call, now_us);
    } else if (line->first == call) {
      return; /* it waits, and the others behind it */
    }
  }
}

static void serve_lane(struct trail_engine *engine, struct trail_client *client, int64_t now_us) {
  for (int priority = TRAIL_PACER_HIGH; priority >= TRAIL_PACER_LOW; priority--)
    serve_line(engine, client, &client->lane.lines[priority], now_us);
}

static void serve_lanes(struct trail_engine *engine, int64_t now_us) {
  for (struct trail_client **at = &engine->waiting; *at;) {
    struct trail_client *client = *at;
    serve_lane(engine, client, now_us);
    if (client->lane.queued) {
      at = &client->lane.next;
      continue;
    }
    *at = client->lane.next;
    client->lane.listed = false;
    trail_client_release(client);
  }
}

/* A trial that ends before it began lets go of calls whose line was served already. */
static void start_waiting(struct trail_engine *engine, int64_t now_us, unsigned starts) {
  engine->starts = starts;
  do {
    trail_rotation_go_on(engine, now_us);
    serve_lanes(engine, now_us);
  } while (engine->tried);
  engine->due = engine->starts == 0; /* the rest in the next turn */
  if (engine->starts) engine->learnt = false;
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void stop_transfer(struct trail_engine *engine, struct trail_call *call) {
  if (!call->transfer) return;
  engine->transport->ops->cancel(engine->transport, call->transfer, &call->answer);
  call->transfer = NULL;
  if (call->answer.head.complete)
    trail_facts_read(&call->answer.head, trail_clock_wall_ms() / 1000, &call->facts);
}

static const char *waiting_for(const struct trail_call *call) {
  switch (call->state) {
    case TRAIL_CALL_QUEUED:
      return call->held_back ? "waiting for the rate limit"
                             : "waiting for a place among the transfers in flight";
    case TRAIL_CALL_AWAITING_KEY:
      return trail_rotation_asks_first(call) ? "waiting for the function key"
                                             : "waiting for a key that works";
    default:
      return "waiting before the next attempt";
  }
}

static void say_ended(struct trail_call *call, const char *how, const char *doing) {
  char text[256];
  snprintf(text, sizeof text, "%s %.200s", how, doing);
  trail_answer_say(&call->answer, text);
}

static void say_timed_out(struct trail_call *call, const char *doing) {
  say_ended(call, "timed out", doing);
}

static void run_out(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  bool deadline = now_us >= call->deadline_at_us;
  if (call->state == TRAIL_CALL_BACKING_OFF && !deadline) {
    trail_life_enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
    return;
  }
  if (call->state == TRAIL_CALL_QUEUED && !deadline) { /* the pacer is asked again */
    trail_timers_set(&engine->timers, &call->timer, call->deadline_at_us);
    return;
  }
  bool in_flight = call->state == TRAIL_CALL_IN_FLIGHT;
  stop_transfer(engine, call);
  call->limit = deadline ? TRAIL_LIMIT_DEADLINE : TRAIL_LIMIT_TIMEOUT;
  if (in_flight) {
    call->answer.failure = TRAIL_TIMEOUT;
    say_timed_out(call, call->answer.message ? call->answer.message : "");
    trail_attempt_judge(engine, call, now_us);
    return;
  }
  trail_life_forget_answer(call);
  if (call->state == TRAIL_CALL_QUEUED && call->held_back) {
    trail_pacing_run_out(engine, call, now_us);
    return;
  }
  say_timed_out(call, waiting_for(call));
  trail_life_fail(engine, call, TRAIL_TIMEOUT, now_us);
}

static void take_in_finished(struct trail_engine *engine, int64_t now_us) {
  void *owner;
  struct trail_answer answer;
  trail_answer_init(&answer, 0);
  while (engine->transport->ops->next(engine->transport, &owner, &answer)) {
    struct trail_call *call = owner;
    trail_answer_move(&call->answer, &answer);
    trail_attempt_judge(engine, call, now_us);
  }
}

/* Who comes late (the program was stopped, or busy with something else) may find answers that came
 * in time. Signals stay held meanwhile: they are to end the wait that follows. */
static void look_once_more(struct trail_engine *engine, int64_t now_us) {
  struct trail_transport *transport = engine->transport;
  const sigset_t *asleep = transport->asleep;
  transport->asleep = NULL;
  (void)transport->ops->wait(transport, 0);
  transport->asleep = asleep;
  take_in_finished(engine, now_us);
}

static void run_out_timers(struct trail_engine *engine, int64_t now_us) {
  bool looked = false;
  for (struct trail_timer *timer;
       (timer = trail_timers_first(&engine->timers)) && timer->at_us <= now_us;) {
    struct trail_call *call = (struct trail_call *)timer;
    if (call->state == TRAIL_CALL_IN_FLIGHT && !looked) {
      looked = true;
      look_once_more(engine, now_us);
    } else {
      run_out(engine, call, now_us);
    }
  }
}

/* ---- the public part ------------------------------------------------------------------------- */

static void advance(struct trail_engine *engine, int64_t now_us, unsigned starts) {
  take_in_finished(engine, now_us);
  run_out_timers(engine, now_us);
  start_waiting(engine, now_us, starts);
}

void trail_engine_advance(struct trail_engine *engine, int64_t now_us) {
  advance(engine, now_us, STARTS_IN_A_TURN);
}

void trail_engine_advance_briefly(struct trail_engine *engine, int64_t now_us) {
  advance(engine, now_us, STARTS_IN_A_BRIEF_TURN);
}

int64_t trail_engine_wake_us(const struct trail_engine *engine) {
  const struct trail_timer *timer = trail_timers_first(&engine->timers);
  if (engine->due && engine->live) return 0;
  return timer ? timer->at_us : TRAIL_NEVER;
}

enum trail_status trail_engine_submit(struct trail_engine *engine, struct trail_call *call,
                                      int64_t now_us) {
  enum trail_status status = trail_timers_reserve(&engine->timers, engine->live + 1);
  if (status != TRAIL_OK) return status;
  call->submitted_us = now_us;
  call->deadline_at_us = call->submitted_us + call->deadline_us;
  trail_call_retain(call);
  call->next = engine->first;
  if (engine->first) engine->first->previous = call;
  engine->first = call;
  engine->live++;
  call->client->live++;
  engine->due = true;
  trail_life_enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
  return TRAIL_OK;
}

void trail_engine_refuse(struct trail_engine *engine, struct trail_call *call,
                         enum trail_status why, int64_t now_us) {
  call->submitted_us = now_us;
  call->done_us = now_us;
  call->done_wall_ms = trail_clock_wall_ms();
  call->result = call->answer.failure = why;
  call->state = TRAIL_CALL_DONE;
  if (call->announced) trail_life_list_finished(engine, call);
}

void trail_engine_cancel(struct trail_engine *engine, struct trail_call *call,
                         enum trail_status why, int64_t now_us) {
  if (call->state == TRAIL_CALL_NEW || call->state == TRAIL_CALL_DONE) return;
  trail_life_forget_answer(call);
  bool in_flight = call->transfer != NULL;
  stop_transfer(engine, call);
  const char *doing = in_flight ? call->answer.message : waiting_for(call);
  if (!doing) doing = "waiting";
  if (why == TRAIL_TIMEOUT) say_timed_out(call, doing);
  if (why == TRAIL_CANCELLED) say_ended(call, "cancelled while", doing);
  if (why == TRAIL_CLOSED) say_ended(call, "the client was closed while", doing);
  call->limit = why == TRAIL_TIMEOUT ? TRAIL_LIMIT_BATCH_DEADLINE : TRAIL_LIMIT_NONE;
  trail_pacing_return(engine, call, now_us);
  trail_life_fail(engine, call, why, now_us);
  if (engine->waiting) engine->due = true; /* its place is free */
}

void trail_engine_drop(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  bool unsent = call->attempts == 0 && call->state != TRAIL_CALL_NEW;
  if (unsent) trail_engine_cancel(engine, call, TRAIL_CANCELLED, now_us);
}

bool trail_engine_announce(struct trail_engine *engine, struct trail_call *call) {
  (void)engine;
  if (call->state == TRAIL_CALL_DONE) return false;
  call->announced = true;
  return true;
}

void trail_engine_announce_all(struct trail_engine *engine, const struct trail_client *client) {
  for (struct trail_call *call = engine->first; call; call = call->next)
    if (call->client == client) call->announced = true;
}

struct trail_call *trail_engine_next_finished(struct trail_engine *engine) {
  struct trail_call *call = engine->finished;
  if (!call) return NULL;
  engine->finished = call->next;
  call->next = NULL;
  return call;
}

bool trail_engine_has_news(const struct trail_engine *engine) {
  return engine->finished != NULL || engine->questions > 0;
}

struct trail_news trail_engine_news(struct trail_engine *engine) {
  struct trail_news news = {
      .finished = engine->finished != NULL,
      .question = engine->questions > 0,
      .events = engine->noted,
  };
  engine->noted = false;
  return news;
}

void trail_engine_cancel_client(struct trail_engine *engine, struct trail_client *client,
                                enum trail_status why, int64_t now_us) {
  client->key_wait.trial = NULL; /* nobody is to go on when it ends: all of them end here */
  trail_rotation_withdraw(engine, client);
  for (struct trail_call *call = engine->first, *next; call; call = next) {
    next = call->next;
    if (call->client == client) trail_engine_cancel(engine, call, why, now_us);
  }
}

size_t trail_engine_live(const struct trail_engine *engine) { return engine->live; }

struct trail_transport *trail_engine_transport(const struct trail_engine *engine) {
  return engine->transport;
}

enum trail_status trail_engine_create(struct trail_transport *transport,
                                      struct trail_engine **out) {
  struct trail_engine *engine = trail_memory_zalloc(1, sizeof *engine);
  *out = engine;
  if (!engine) return TRAIL_NO_MEMORY;
  engine->transport = transport;
  return TRAIL_OK;
}

static void end_all(struct trail_engine *engine, int64_t now_us) {
  while (engine->first) trail_engine_cancel(engine, engine->first, TRAIL_CANCELLED, now_us);
  start_waiting(engine, now_us, STARTS_IN_A_TURN); /* lets go of the lanes, which are empty now */
}

void trail_engine_destroy(struct trail_engine *engine) {
  if (!engine) return;
  end_all(engine, trail_clock_boot_us());
  for (struct trail_call *call; (call = trail_engine_next_finished(engine));)
    trail_call_release(call);
  engine->transport->ops->destroy(engine->transport);
  trail_timers_clear(&engine->timers);
  trail_memory_free(engine);
}

void trail_engine_replace_transport(struct trail_engine *engine, struct trail_transport *fresh) {
  int64_t now_us = trail_clock_boot_us();
  /* The parent goes on with these; here they end without a word to any server. */
  for (struct trail_call *call; (call = engine->first);) {
    trail_life_forget_answer(call);
    call->answer.sent = call->transfer != NULL;
    call->transfer = NULL;
    trail_answer_say(&call->answer,
                     "the call belongs to the process that this one was forked from");
    call->admitted = false; /* its ticket is the parent's to give back */
    trail_life_fail(engine, call, TRAIL_CANCELLED, now_us);
  }
  start_waiting(engine, now_us, STARTS_IN_A_TURN); /* lets go of the lanes, which are empty now */
  engine->transport->ops->abandon(engine->transport);
  engine->transport = fresh;
}
