#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

struct trail_engine {
  struct trail_transport *transport;
  struct trail_timers timers;
  struct trail_call *first; /* live calls, newest first */
  size_t live;
  struct trail_client *waiting; /* lanes with calls queued */
};

/* ---- lanes ----------------------------------------------------------------------------------- */

/* A line of calls: a client's lane, or those that await its key. */
static void line_append(struct trail_call **first, struct trail_call **last,
                        struct trail_call *call) {
  call->lane_next = NULL;
  call->lane_previous = *last;
  *(*last ? &(*last)->lane_next : first) = call;
  *last = call;
}

static void line_remove(struct trail_call **first, struct trail_call **last,
                        struct trail_call *call) {
  *(call->lane_previous ? &call->lane_previous->lane_next : first) = call->lane_next;
  *(call->lane_next ? &call->lane_next->lane_previous : last) = call->lane_previous;
  call->lane_previous = call->lane_next = NULL;
}

static void lane_append(struct trail_engine *engine, struct trail_call *call) {
  struct trail_client *client = call->client;
  struct trail_lane *lane = &client->lane;
  line_append(&lane->first, &lane->last, call);
  if (lane->listed) return;
  lane->listed = true;
  lane->next = engine->waiting;
  engine->waiting = trail_client_retain(client);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void copy_cut(char *to, size_t room, const char *from, size_t size) {
  if (size >= room) size = room - 1;
  memcpy(to, from, size);
  to[size] = '\0';
}

static struct trail_event *note(struct trail_call *call, enum trail_event_type type,
                                enum trail_status kind) {
  struct trail_event *event = trail_events_add(&call->client->events, type);
  if (!event) return NULL;
  event->kind = kind;
  event->method = call->method;
  event->attempt = call->attempts;
  event->id = call->id;
  event->time_wall_ms = trail_clock_wall_ms();
  copy_cut(event->url, sizeof event->url, call->url, call->path_at + call->path_size);
  return event;
}

static void note_answer(struct trail_call *call, enum trail_status kind, int64_t now_us) {
  struct trail_event *event = note(call, TRAIL_EVENT_RESPONSE, kind);
  if (!event) return;
  event->http_status = call->answer.head.status;
  event->elapsed_us = now_us - call->started_us;
  event->has_rate = call->facts.has_rate;
  event->rate = call->facts.rate;
  struct trail_slice id = call->facts.request_id;
  if (id.size) copy_cut(event->request_id, sizeof event->request_id, id.bytes, id.size);
}

static void note_wait(struct trail_call *call, enum trail_status kind, int64_t wait_us) {
  struct trail_event *event = note(call, TRAIL_EVENT_RETRY, kind);
  if (!event) return;
  event->http_status = call->answer.head.status;
  event->wait_us = wait_us;
}

static void note_error(struct trail_call *call) {
  struct trail_event *event = note(call, TRAIL_EVENT_ERROR, call->result);
  if (!event) return;
  event->http_status = call->answer.head.status;
  event->elapsed_us = call->done_us - call->submitted_us;
}

/* ---- the one place where a call changes its state -------------------------------------------- */

static void leave(struct trail_engine *engine, struct trail_call *call) {
  struct trail_lane *lane = &call->client->lane;
  struct trail_key_wait *wait = &call->client->key_wait;
  trail_timers_unset(&engine->timers, &call->timer);
  if (call->state == TRAIL_CALL_QUEUED) line_remove(&lane->first, &lane->last, call);
  if (call->state == TRAIL_CALL_AWAITING_KEY) line_remove(&wait->first, &wait->last, call);
  if (call->state == TRAIL_CALL_IN_FLIGHT) call->client->lane.in_flight--;
}

static void unlink_live(struct trail_engine *engine, struct trail_call *call) {
  *(call->previous ? &call->previous->next : &engine->first) = call->next;
  if (call->next) call->next->previous = call->previous;
  call->previous = call->next = NULL;
  engine->live--;
}

/* `until_us` is when the state ends by itself: an attempt's or a wait's end, never after the
 * deadline. */
static void enter(struct trail_engine *engine, struct trail_call *call, enum trail_call_state state,
                  int64_t until_us) {
  leave(engine, call);
  call->state = state;
  if (state == TRAIL_CALL_DONE) {
    unlink_live(engine, call);
    trail_call_release(call); /* the engine's hold; the caller of this keeps its own */
    return;
  }
  trail_timers_set(&engine->timers, &call->timer, until_us);
  if (state == TRAIL_CALL_QUEUED) lane_append(engine, call);
  if (state == TRAIL_CALL_AWAITING_KEY)
    line_append(&call->client->key_wait.first, &call->client->key_wait.last, call);
  if (state == TRAIL_CALL_IN_FLIGHT) call->client->lane.in_flight++;
}

/* ---- the end of a call ----------------------------------------------------------------------- */

static void release_waiting(struct trail_engine *engine, struct trail_client *client,
                            int64_t now_us);

static void finish(struct trail_engine *engine, struct trail_call *call, enum trail_status result,
                   int64_t now_us) {
  struct trail_client *client = call->client;
  bool was_trial = client->key_wait.trial == call;
  call->result = result;
  trail_secret_release(call->authorization);
  call->authorization = NULL;
  call->done_us = now_us;
  call->done_wall_ms = trail_clock_wall_ms();
  if (result != TRAIL_OK) note_error(call);
  if (was_trial) { /* however it ended, the others need wait for it no longer */
    client->key_wait.trial = NULL;
    release_waiting(engine, client, now_us);
  }
  enter(engine, call, TRAIL_CALL_DONE, 0);
}

/* ---- the end of an attempt ------------------------------------------------------------------- */

static void learn_rate(struct trail_call *call, int64_t now_us, int64_t wall_ms) {
  if (!call->facts.has_rate) return;
  call->client->rate = (struct trail_rate_view){
      .known = true,
      .fields = call->facts.rate,
      .server_date = call->facts.date,
      .seen_us = now_us,
      .seen_wall_ms = wall_ms,
  };
}

/* A server that sends the key back, as some do in an error's text, shall not put it into logs. */
static void mask(char *bytes, size_t size, struct trail_slice key) {
  char *end = bytes + size;
  for (char *at = bytes; size && (at = memmem(at, (size_t)(end - at), key.bytes, key.size));
       at += key.size)
    memset(at, '*', key.size);
}

static void hide_key(struct trail_call *call) {
  if (!call->authorization) return;
  struct trail_slice key = trail_key_of(call->authorization);
  struct trail_answer *answer = &call->answer;
  mask(answer->body.bytes, answer->body.size, key);
  mask(answer->head.fields.bytes, answer->head.fields.size, key);
  mask(answer->message, strlen(answer->message), key);
}

static struct trail_attempt describe(const struct trail_call *call, enum trail_status kind) {
  const struct trail_answer *answer = &call->answer;
  return (struct trail_attempt){
      .method = call->method,
      .keyed = call->idempotency_key != NULL,
      .sent = answer->sent,
      .head_complete = answer->head.complete,
      .complete = answer->failure == TRAIL_OK,
      .cut = answer->cut,
      .http_status = (unsigned)answer->head.status,
      .failure = kind,
  };
}

/* Backs off where a further attempt is allowed and fits; false where the call has to end. */
static bool try_again(struct trail_engine *engine, struct trail_call *call,
                      const struct trail_attempt *attempt, int64_t now_us) {
  if (call->attempts - call->key_tries > call->retries || !trail_verdict_retryable(attempt)) return false;
  struct trail_backoff_case at = {
      .retry = call->attempts - call->key_tries,
      .random = trail_random_u32(),
      .floor_ms = call->retry_after_ms,
      .now_ms = now_us / 1000,
      .deadline_ms = call->deadline_at_us / 1000,
  };
  struct trail_backoff_plan plan = trail_backoff_plan(call->client->defaults.backoff, &at);
  enum trail_limit stopped_by = TRAIL_LIMIT_NONE;
  if (!plan.fits)
    stopped_by = TRAIL_LIMIT_DEADLINE;
  else if (!trail_retry_budget_take(call->client->retry_budget))
    stopped_by = TRAIL_LIMIT_RETRY_BUDGET;
  if (stopped_by != TRAIL_LIMIT_NONE) {
    if (call->limit == TRAIL_LIMIT_NONE) call->limit = stopped_by;
    return false;
  }
  call->waited_us = plan.wait_ms * 1000;
  note_wait(call, attempt->failure, call->waited_us);
  enter(engine, call, TRAIL_CALL_BACKING_OFF, now_us + call->waited_us);
  return true;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void note_key(struct trail_call *call) {
  struct trail_event *event = note(call, TRAIL_EVENT_KEY, TRAIL_OK);
  if (event) event->http_status = call->answer.head.status;
}

static void await_key(struct trail_engine *engine, struct trail_call *call) {
  enter(engine, call, TRAIL_CALL_AWAITING_KEY, call->deadline_at_us);
}

/* The call was answered by a 401. True: it goes on with another key, or waits for one. */
static bool try_other_key(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  struct trail_key_wait *wait = &client->key_wait;
  if (!call->authorization || call->key_tries == TRAIL_KEY_TRIES_MAX) return false;
  if (wait->asking != TRAIL_KEY_GIVE_UP || (wait->trial && wait->trial != call)) {
    await_key(engine, call); /* somebody is at it */
    return true;
  }
  enum trail_key_verdict verdict =
      trail_keyring_rejected(&client->keyring, call->authorization, now_us);
  if (verdict == TRAIL_KEY_GIVE_UP) return false; /* its end tells those who wait for it */
  wait->trial = NULL;
  if (verdict == TRAIL_KEY_RETRY) {
    note_key(call);
    call->key_tries++;
    call->waited_us = 0;
    if (client->keyring.unproven) wait->trial = call;
    enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
  } else {
    wait->asking = verdict;
    await_key(engine, call);
  }
  return true;
}

/* Everybody who waits for a key looks again how things stand: the rejected ask for another key, which may
 * end them, the others line up. */
static void release_waiting(struct trail_engine *engine, struct trail_client *client,
                            int64_t now_us) {
  size_t count = 0; /* those who are there now: some may line up here again */
  for (struct trail_call *call = client->key_wait.first; call; call = call->lane_next) count++;
  for (struct trail_call *call; count-- && (call = client->key_wait.first);) {
    if (call->answer.head.status != 401) {
      enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
    } else if (!try_other_key(engine, call, now_us)) {
      finish(engine, call, TRAIL_UNAUTHORIZED, now_us);
    }
  }
}

/* An answer came that says something of the key it was asked with. */
static void learn_of_key(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  if (!call->authorization || !call->answer.head.complete || call->answer.head.status == 401) return;
  trail_keyring_accepted(&client->keyring, call->authorization);
  if (client->key_wait.trial != call) return;
  client->key_wait.trial = NULL;
  release_waiting(engine, client, now_us);
}

enum trail_key_verdict trail_engine_key_question(const struct trail_client *client) {
  return client->key_wait.asking;
}

void trail_engine_key_answered(struct trail_engine *engine, struct trail_client *client,
                               int64_t now_us) {
  client->key_wait.asking = TRAIL_KEY_GIVE_UP;
  release_waiting(engine, client, now_us);
}

/* ---- judgement ------------------------------------------------------------------------------- */

/* An attempt has ended, its answer is in the call. */
static void judge(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_answer *answer = &call->answer;
  int64_t wall_ms = trail_clock_wall_ms();
  call->transfer = NULL;
  if (answer->head.complete) trail_facts_read(&answer->head, wall_ms / 1000, &call->facts);
  learn_rate(call, now_us, wall_ms);
  call->retry_after_ms = answer->head.complete ? call->facts.retry_after_ms : -1;
  enum trail_status kind = answer->failure != TRAIL_OK
                               ? answer->failure
                               : trail_verdict_status((unsigned)answer->head.status);
  if (kind == TRAIL_TIMEOUT && call->limit == TRAIL_LIMIT_NONE)
    call->limit = TRAIL_LIMIT_CONNECT_TIMEOUT; /* the only time limit that libcurl keeps */
  if (kind != TRAIL_OK) hide_key(call);
  struct trail_attempt attempt = describe(call, kind);
  call->outcome = trail_verdict_worse(call->outcome, trail_verdict_outcome(&attempt));
  trail_call_remember(call, answer->head.status, kind, now_us - call->started_us);
  if (answer->head.complete || answer->failure == TRAIL_OK) note_answer(call, kind, now_us);
  learn_of_key(engine, call, now_us);
  if (kind == TRAIL_UNAUTHORIZED && try_other_key(engine, call, now_us)) return;
  if (kind == TRAIL_OK) {
    trail_retry_budget_give(call->client->retry_budget);
    finish(engine, call, TRAIL_OK, now_us);
  } else if (!try_again(engine, call, &attempt, now_us)) {
    call->repeatable = trail_verdict_repeatable(&attempt, call->outcome);
    finish(engine, call, kind, now_us);
  }
}

/* ---- the beginning of an attempt ------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static void forget_answer(struct trail_call *call) {
  trail_answer_reset(&call->answer);
  memset(&call->facts, 0, sizeof call->facts);
}

static enum trail_status begin_transfer(struct trail_engine *engine, struct trail_call *call,
                                        int64_t now_us) {
  struct trail_client *client = call->client;
  struct trail_secret *authorization = trail_keyring_authorization(&client->keyring, now_us);
  trail_secret_release(call->authorization);
  call->authorization = authorization ? trail_secret_retain(authorization) : NULL;
  bool repeatable = call->idempotency_key || trail_method_is_idempotent(call->method);
  struct trail_request request = {
      .profile = &client->profile,
      .method = trail_method_name(call->method),
      .url = call->url,
      .headers = call->headers,
      .authorization = authorization,
      .body = call->body,
      .body_size = call->body_size,
      /* libcurl repeats a request whose reused connection dies, which this one must not be */
      .fresh_connection = !repeatable,
  };
  return engine->transport->ops->start(engine->transport, &request, call, &call->transfer);
}

/* While one call tries an unproven key, or a function is asked for one, the others send nothing. */
static bool must_await_key(struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  struct trail_key_wait *wait = &client->key_wait;
  if (wait->asking != TRAIL_KEY_GIVE_UP) return true;
  (void)trail_keyring_authorization(&client->keyring, now_us); /* may find a new file */
  if (!client->keyring.unproven) return false;
  if (!wait->trial) wait->trial = call;
  return wait->trial != call;
}

static void begin(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  if (must_await_key(call, now_us)) {
    await_key(engine, call);
    return;
  }
  call->limit = TRAIL_LIMIT_NONE;
  call->started_us = now_us;
  forget_answer(call);
  enum trail_status status = begin_transfer(engine, call, now_us);
  if (status != TRAIL_OK) {
    snprintf(call->answer.message, sizeof call->answer.message, "%s",
             status == TRAIL_CONFIG ? "libcurl refused an option that safety rests on"
                                    : "there was not enough memory to start the request");
    finish(engine, call, status, now_us);
    return;
  }
  call->attempts++;
  enter(engine, call, TRAIL_CALL_IN_FLIGHT,
        earlier(now_us + call->timeout_us, call->deadline_at_us));
  note(call, TRAIL_EVENT_REQUEST, TRAIL_OK);
}

static void serve_lane(struct trail_engine *engine, struct trail_client *client, int64_t now_us) {
  struct trail_lane *lane = &client->lane;
  while (lane->first && lane->in_flight < client->defaults.concurrency)
    begin(engine, lane->first, now_us);
}

static void start_waiting(struct trail_engine *engine, int64_t now_us) {
  for (struct trail_client **at = &engine->waiting; *at;) {
    struct trail_client *client = *at;
    serve_lane(engine, client, now_us);
    if (client->lane.first) {
      at = &client->lane.next;
      continue;
    }
    *at = client->lane.next;
    client->lane.listed = false;
    trail_client_release(client);
  }
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void stop_transfer(struct trail_engine *engine, struct trail_call *call) {
  if (!call->transfer) return;
  engine->transport->ops->cancel(engine->transport, call->transfer, &call->answer);
  call->transfer = NULL;
}

static const char *waiting_for(enum trail_call_state state) {
  switch (state) {
    case TRAIL_CALL_QUEUED:
      return "waiting for a place among the transfers in flight";
    case TRAIL_CALL_AWAITING_KEY:
      return "waiting for a key that works";
    default:
      return "waiting before the next attempt";
  }
}

static void say_timed_out(struct trail_call *call, const char *doing) {
  char text[sizeof call->answer.message];
  snprintf(text, sizeof text, "timed out %.200s", doing);
  memcpy(call->answer.message, text, sizeof text);
}

static void run_out(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  bool deadline = now_us >= call->deadline_at_us;
  if (call->state == TRAIL_CALL_BACKING_OFF && !deadline) {
    enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
    return;
  }
  bool in_flight = call->state == TRAIL_CALL_IN_FLIGHT;
  stop_transfer(engine, call);
  call->limit = deadline ? TRAIL_LIMIT_DEADLINE : TRAIL_LIMIT_TIMEOUT;
  if (in_flight) {
    call->answer.failure = TRAIL_TIMEOUT;
    say_timed_out(call, call->answer.message);
    judge(engine, call, now_us);
    return;
  }
  forget_answer(call); /* the last attempt's is in the history */
  call->answer.failure = TRAIL_TIMEOUT;
  say_timed_out(call, waiting_for(call->state));
  struct trail_attempt attempt = describe(call, TRAIL_TIMEOUT);
  call->repeatable = trail_verdict_repeatable(&attempt, call->outcome);
  finish(engine, call, TRAIL_TIMEOUT, now_us);
}

static void run_out_timers(struct trail_engine *engine, int64_t now_us) {
  for (struct trail_timer *timer;
       (timer = trail_timers_first(&engine->timers)) && timer->at_us <= now_us;)
    run_out(engine, (struct trail_call *)timer, now_us);
}

/* ---- the public part ------------------------------------------------------------------------- */

static void take_in_finished(struct trail_engine *engine, int64_t now_us) {
  void *owner;
  struct trail_answer answer;
  trail_answer_init(&answer, 0);
  while (engine->transport->ops->next(engine->transport, &owner, &answer)) {
    struct trail_call *call = owner;
    trail_answer_move(&call->answer, &answer);
    judge(engine, call, now_us);
  }
}

void trail_engine_advance(struct trail_engine *engine, int64_t now_us) {
  take_in_finished(engine, now_us);
  run_out_timers(engine, now_us);
  start_waiting(engine, now_us);
}

int64_t trail_engine_wake_us(const struct trail_engine *engine) {
  const struct trail_timer *timer = trail_timers_first(&engine->timers);
  return timer ? timer->at_us : TRAIL_NEVER;
}

enum trail_status trail_engine_submit(struct trail_engine *engine, struct trail_call *call,
                                      int64_t now_us) {
  enum trail_status status = trail_timers_reserve(&engine->timers, engine->live + 1);
  if (status != TRAIL_OK) return status;
  call->submitted_us = now_us;
  call->deadline_at_us = now_us + call->deadline_us;
  trail_call_retain(call);
  call->next = engine->first;
  if (engine->first) engine->first->previous = call;
  engine->first = call;
  engine->live++;
  enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
  return TRAIL_OK;
}

/* Its transfer is stopped; what that told, or nothing, is in the answer. */
static void give_up(struct trail_engine *engine, struct trail_call *call, enum trail_status why,
                    int64_t now_us) {
  hide_key(call);
  call->answer.failure = why;
  struct trail_attempt attempt = describe(call, why);
  if (call->state == TRAIL_CALL_IN_FLIGHT) {
    call->outcome = trail_verdict_worse(call->outcome, trail_verdict_outcome(&attempt));
    trail_call_remember(call, call->answer.head.status, why, now_us - call->started_us);
  }
  call->repeatable = trail_verdict_repeatable(&attempt, call->outcome);
  finish(engine, call, why, now_us);
}

void trail_engine_cancel(struct trail_engine *engine, struct trail_call *call,
                         enum trail_status why, int64_t now_us) {
  if (call->state == TRAIL_CALL_NEW || call->state == TRAIL_CALL_DONE) return;
  forget_answer(call); /* the last attempt's is in the history */
  stop_transfer(engine, call);
  give_up(engine, call, why, now_us);
}

void trail_engine_cancel_client(struct trail_engine *engine, struct trail_client *client,
                                enum trail_status why, int64_t now_us) {
  client->key_wait.trial = NULL; /* nobody is to go on when it ends: all of them end here */
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
  start_waiting(engine, now_us); /* lets go of the lanes, which are empty now */
}

void trail_engine_destroy(struct trail_engine *engine) {
  if (!engine) return;
  end_all(engine, trail_clock_boot_us());
  engine->transport->ops->destroy(engine->transport);
  trail_timers_clear(&engine->timers);
  trail_memory_free(engine);
}

void trail_engine_replace_transport(struct trail_engine *engine, struct trail_transport *fresh) {
  int64_t now_us = trail_clock_boot_us();
  /* The parent goes on with these; here they end without a word to any server. */
  for (struct trail_call *call; (call = engine->first);) {
    forget_answer(call);
    call->answer.sent = call->transfer != NULL;
    call->transfer = NULL;
    snprintf(call->answer.message, sizeof call->answer.message, "%s",
             "the call belongs to the process that this one was forked from");
    give_up(engine, call, TRAIL_CANCELLED, now_us);
  }
  start_waiting(engine, now_us); /* lets go of the lanes, which are empty now */
  engine->transport->ops->abandon(engine->transport);
  engine->transport = fresh;
}
