#include "engine/life.h"

#include <string.h>

#include "base/clock.h"
#include "engine/echo.h"
#include "engine/note.h"

/* ---- lines of calls -------------------------------------------------------------------------- */

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
  struct trail_line *line = &lane->lines[call->priority];
  line_append(&line->first, &line->last, call);
  lane->queued++;
  if (lane->listed) return;
  lane->listed = true;
  lane->next = engine->waiting;
  engine->waiting = trail_client_retain(client);
}

static void lane_remove(struct trail_call *call) {
  struct trail_lane *lane = &call->client->lane;
  struct trail_line *line = &lane->lines[call->priority];
  if (line->first == call) line->ask_again_us = 0; /* the next one has not been asked about */
  line_remove(&line->first, &line->last, call);
  lane->queued--;
}

/* ---- the one place where a call changes its state -------------------------------------------- */

static void leave(struct trail_engine *engine, struct trail_call *call) {
  struct trail_key_wait *wait = &call->client->key_wait;
  trail_timers_unset(&engine->timers, &call->timer);
  if (call->state == TRAIL_CALL_QUEUED) lane_remove(call);
  if (call->state == TRAIL_CALL_AWAITING_KEY) line_remove(&wait->first, &wait->last, call);
  if (call->state == TRAIL_CALL_IN_FLIGHT) call->client->lane.in_flight--;
}

static void unlink_live(struct trail_engine *engine, struct trail_call *call) {
  call->client->live--;
  *(call->previous ? &call->previous->next : &engine->first) = call->next;
  if (call->next) call->next->previous = call->previous;
  call->previous = call->next = NULL;
  engine->live--;
}

void trail_life_list_finished(struct trail_engine *engine, struct trail_call *call) {
  call->next = NULL;
  *(engine->finished ? &engine->last_finished->next : &engine->finished) =
      trail_call_retain(call);
  engine->last_finished = call;
}

void trail_life_enter(struct trail_engine *engine, struct trail_call *call,
                      enum trail_call_state state, int64_t until_us) {
  leave(engine, call);
  call->state = state;
  if (state == TRAIL_CALL_DONE) {
    unlink_live(engine, call);
    if (call->announced) trail_life_list_finished(engine, call);
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

void trail_life_end_trial(struct trail_engine *engine, struct trail_call *call) {
  struct trail_key_wait *wait = &call->client->key_wait;
  if (wait->trial != call) return;
  wait->trial = NULL;
  if (!wait->first || wait->tried) return;
  wait->tried = true;
  wait->next = engine->tried;
  engine->tried = trail_client_retain(call->client);
  engine->due = true;
}

void trail_life_finish(struct trail_engine *engine, struct trail_call *call,
                       enum trail_status result, int64_t now_us) {
  call->result = result;
  if (result != TRAIL_OK || !trail_echo_found(call)) trail_call_forget_key(call);
  call->done_us = now_us;
  call->done_wall_ms = trail_clock_wall_ms();
  if (result != TRAIL_OK) trail_note_error(engine, call);
  trail_life_end_trial(engine, call);
  trail_life_enter(engine, call, TRAIL_CALL_DONE, 0);
}

void trail_life_fail(struct trail_engine *engine, struct trail_call *call, enum trail_status why,
                     int64_t now_us) {
  trail_echo_hide(call);
  call->answer.failure = why;
  struct trail_attempt attempt = trail_life_describe(call, why);
  if (call->state == TRAIL_CALL_IN_FLIGHT) {
    call->outcome = trail_verdict_worse(call->outcome, trail_verdict_outcome(&attempt));
    trail_call_remember(call, call->answer.head.complete ? call->answer.head.status : 0, why,
                        now_us - call->started_us);
  }
  call->repeatable = trail_verdict_repeatable(&attempt, call->outcome);
  trail_life_finish(engine, call, why, now_us);
}

void trail_life_forget_answer(struct trail_call *call) {
  trail_answer_reset(&call->answer);
  memset(&call->facts, 0, sizeof call->facts);
  call->retry_after_ms = -1;
}

struct trail_attempt trail_life_describe(const struct trail_call *call, enum trail_status kind) {
  const struct trail_answer *answer = &call->answer;
  return (struct trail_attempt){
      .method = call->method,
      .keyed = call->key_line != NULL,
      .sent = answer->sent,
      .head_complete = answer->head.complete,
      .complete = answer->failure == TRAIL_OK,
      .cut = answer->cut,
      .http_status = (unsigned)answer->head.status,
      .failure = kind,
  };
}
