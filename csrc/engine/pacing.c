#include "engine/pacing.h"

#include "base/clock.h"
#include "base/random.h"
#include "engine/note.h"

/* No room before the call's deadline: that is told now, not then. */
static void fail(struct trail_engine *engine, struct trail_call *call, int64_t wait_us,
                 int64_t now_us) {
  trail_life_forget_answer(call);
  call->retry_after_ms = wait_us / 1000 + 1;
  call->limit = TRAIL_LIMIT_DEADLINE;
  trail_life_fail(engine, call, TRAIL_RATE_LIMITED, now_us);
}

void trail_pacing_run_out(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_line *line = &call->client->lane.lines[call->priority];
  int64_t wait_us = line->ask_again_us - now_us; /* of its line's first, which it may be behind */
  fail(engine, call, wait_us > 0 ? wait_us : 0, now_us);
}

static void hold_back(struct trail_engine *engine, struct trail_line *line, int64_t wait_us,
                      int64_t now_us) {
  struct trail_call *call = line->first;
  int64_t at_us = now_us + wait_us + trail_pacer_jitter_us(trail_random_u32());
  if (!call->held_back) trail_note_pace(engine, call, wait_us);
  call->held_back = true;
  line->ask_again_us = at_us;
  trail_timers_set(&engine->timers, &call->timer,
                   at_us < call->deadline_at_us ? at_us : call->deadline_at_us);
}

/* ---- the budget ------------------------------------------------------------------------------ */

static enum trail_status open_store(struct trail_client *client, struct trail_slice key) {
  const char *scope = client->defaults.pace_scope;
  struct trail_pace_options options = {
      .shared = client->defaults.pace_shared,
      .origin = trail_slice_text(client->origin.text),
      .scope = trail_slice_text(scope ? scope : ""),
  };
  return trail_pace_store_open(&options, key, &client->pace_store);
}

static struct trail_slice key_in(struct trail_secret *line) {
  return line ? trail_key_of(line) : trail_slice_of(NULL, 0);
}

static void know_by(struct trail_client *client, struct trail_secret *line) {
  trail_secret_release(client->paced_key);
  client->paced_key = line ? trail_secret_retain(line) : NULL;
}

enum trail_status trail_pacing_prepare(struct trail_client *client, int64_t now_us) {
  const struct trail_client_options *options = &client->defaults;
  struct trail_secret *line = trail_keyring_authorization(&client->keyring, now_us);
  if (!options->paced || !options->pace_shared || !(line || options->pace_scope)) return TRAIL_OK;
  enum trail_status status = open_store(client, key_in(line));
  if (status != TRAIL_OK) return status;
  if (trail_pace_store_describe(client->pace_store).shared) {
    know_by(client, line);
  } else {
    trail_pace_store_close(client->pace_store);
    client->pace_store = NULL;
  }
  return TRAIL_OK;
}

static enum trail_status open_for(struct trail_engine *engine, struct trail_call *call,
                                  struct trail_slice key) {
  enum trail_status status = open_store(call->client, key);
  if (status != TRAIL_OK) return status;
  struct trail_pace_description is = trail_pace_store_describe(call->client->pace_store);
  if (is.why) trail_note_unshared(engine, call, is.why);
  return TRAIL_OK;
}

/* The state that the call's key spends from. A key that took another's place joins its budget. */
static enum trail_status find_state(struct trail_engine *engine, struct trail_call *call,
                                    int64_t now_us, struct trail_pace **state) {
  struct trail_client *client = call->client;
  struct trail_secret *line = trail_keyring_authorization(&client->keyring, now_us);
  if (!client->pace_store || line != client->paced_key) {
    if (client->pace_store)
      trail_pace_store_alias(client->pace_store, key_in(line));
    else if (open_for(engine, call, key_in(line)) != TRAIL_OK)
      return TRAIL_NO_MEMORY;
    know_by(client, line);
  }
  *state = trail_pace_store_state(client->pace_store);
  return TRAIL_OK;
}

/* ---- admission ------------------------------------------------------------------------------- */

bool trail_pacing_admits(struct trail_engine *engine, struct trail_line *line, int64_t now_us) {
  struct trail_call *call = line->first;
  struct trail_client *client = call->client;
  struct trail_pace *state;
  if (!client->defaults.paced || call->admitted) return true;
  if (now_us < line->ask_again_us && !engine->learnt) return false;
  if (find_state(engine, call, now_us, &state) != TRAIL_OK) {
    trail_life_fail(engine, call, TRAIL_NO_MEMORY, now_us);
    return false;
  }
  int64_t wait_us =
      trail_pacer_admit(state, &client->defaults.pacing, now_us, call->priority, &call->ticket);
  if (wait_us == 0) {
    call->admitted = true;
    call->held_back = false;
    return true;
  }
  if (wait_us >= call->deadline_at_us - now_us)
    fail(engine, call, wait_us, now_us);
  else
    hold_back(engine, line, wait_us, now_us);
  return false;
}

void trail_pacing_return(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  const struct trail_answer *answer = &call->answer;
  if (!call->admitted) return;
  struct trail_pace *state = trail_pace_store_state(client->pace_store);
  call->admitted = false;
  engine->learnt = true;
  if (!answer->sent && !answer->head.complete) {
    trail_pacer_refund(state, &call->ticket);
    return;
  }
  struct trail_pacer_answer told = {
      .has_rate = call->facts.has_rate,
      .rate = call->facts.rate,
      .date = call->facts.date >= 0 ? call->facts.date : trail_clock_wall_ms() / 1000,
      .http_status = answer->head.complete ? answer->head.status : 0,
      .retry_after_ms = answer->head.complete ? call->facts.retry_after_ms : -1,
  };
  trail_pacer_feedback(state, &client->defaults.pacing, now_us, &call->ticket, &told);
}
