#include "engine/attempt.h"

#include "base/clock.h"
#include "base/random.h"
#include "engine/echo.h"
#include "engine/note.h"
#include "engine/pacing.h"
#include "engine/rotation.h"

/* ---- its beginning --------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static enum trail_status begin_transfer(struct trail_engine *engine, struct trail_call *call,
                                        int64_t now_us) {
  struct trail_client *client = call->client;
  struct trail_secret *authorization = trail_keyring_authorization(&client->keyring, now_us);
  trail_secret_release(call->authorization);
  call->authorization = authorization ? trail_secret_retain(authorization) : NULL;
  bool repeatable = call->key_line || trail_method_is_idempotent(call->method);
  struct trail_request request = {
      .profile = &client->profile,
      .method = trail_method_name(call->method),
      .url = call->url,
      .headers = call->headers,
      .more_headers = call->key_line,
      .authorization = authorization,
      .body = call->body,
      .body_size = call->body_size,
      .safe = trail_method_is_safe(call->method),
      /* libcurl repeats a request whose reused connection dies, which this one must not be; and
       * what broke an earlier attempt may still be wrong with the connection it used */
      .fresh_connection = !repeatable || call->connection_doubted,
      .single_use = !repeatable,
      .started_us = now_us,
      .until_us = earlier(now_us + call->timeout_us, call->deadline_at_us),
  };
  return engine->transport->ops->start(engine->transport, &request, call, &call->transfer);
}

void trail_attempt_begin(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  call->limit = TRAIL_LIMIT_NONE;
  call->started_us = now_us;
  trail_life_forget_answer(call);
  enum trail_status status = begin_transfer(engine, call, now_us);
  if (status != TRAIL_OK) {
    trail_answer_say(&call->answer, status == TRAIL_CONFIG
                                        ? "libcurl refused an option that safety rests on"
                                        : "there was not enough memory to start the request");
    trail_pacing_return(engine, call, now_us);
    trail_life_fail(engine, call, status, now_us);
    return;
  }
  call->attempts++;
  if (call->rekeyed) call->key_tries++;
  call->rekeyed = false;
  trail_life_enter(engine, call, TRAIL_CALL_IN_FLIGHT,
                   earlier(now_us + call->timeout_us, call->deadline_at_us));
  trail_note_request(engine, call);
}

/* ---- its end --------------------------------------------------------------------------------- */

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

/* Backs off where a further attempt is allowed and fits; false where the call has to end. */
static bool try_again(struct trail_engine *engine, struct trail_call *call,
                      const struct trail_attempt *attempt, int64_t now_us) {
  if (call->attempts - call->key_tries > call->retries || !trail_verdict_retryable(attempt))
    return false;
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
  else if (!call->answer.uncounted && !trail_retry_budget_take(call->client->retry_budget))
    stopped_by = TRAIL_LIMIT_RETRY_BUDGET;
  if (stopped_by != TRAIL_LIMIT_NONE) {
    if (call->limit == TRAIL_LIMIT_NONE) call->limit = stopped_by;
    return false;
  }
  call->waited_us = plan.wait_ms * 1000;
  trail_note_retry(engine, call, attempt->failure, call->waited_us);
  trail_life_enter(engine, call, TRAIL_CALL_BACKING_OFF, now_us + call->waited_us);
  trail_life_end_trial(engine, call);
  return true;
}

void trail_attempt_judge(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_answer *answer = &call->answer;
  int64_t wall_ms = trail_clock_wall_ms();
  call->transfer = NULL;
  if (answer->head.complete) trail_facts_read(&answer->head, wall_ms / 1000, &call->facts);
  learn_rate(call, now_us, wall_ms);
  trail_pacing_return(engine, call, now_us);
  call->retry_after_ms = answer->head.complete ? call->facts.retry_after_ms : -1;
  enum trail_status kind = answer->failure != TRAIL_OK
                               ? answer->failure
                               : trail_verdict_status((unsigned)answer->head.status);
  if (kind == TRAIL_TIMEOUT && call->limit == TRAIL_LIMIT_NONE)
    call->limit = TRAIL_LIMIT_CONNECT_TIMEOUT; /* the only time limit that libcurl keeps */
  call->connection_doubted = answer->failure != TRAIL_OK && answer->sent && !answer->shared;
  if (kind != TRAIL_OK) trail_echo_hide(call);
  struct trail_attempt attempt = trail_life_describe(call, kind);
  call->outcome = trail_verdict_worse(call->outcome, trail_verdict_outcome(&attempt));
  trail_call_remember(call, answer->head.complete ? answer->head.status : 0, kind,
                      now_us - call->started_us);
  if (answer->head.complete || answer->failure == TRAIL_OK)
    trail_note_response(engine, call, kind, now_us);
  trail_rotation_learn(engine, call);
  if (kind == TRAIL_UNAUTHORIZED && trail_rotation_continues(engine, call, now_us)) return;
  if (kind == TRAIL_OK) {
    trail_retry_budget_give(call->client->retry_budget);
    trail_life_finish(engine, call, TRAIL_OK, now_us);
  } else if (!try_again(engine, call, &attempt, now_us)) {
    call->repeatable = trail_verdict_repeatable(&attempt, call->outcome);
    trail_life_finish(engine, call, kind, now_us);
  }
}
