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

static void hold_back(struct trail_engine *engine, struct trail_line *line, int64_t wait_us,
                      int64_t now_us) {
  struct trail_call *call = line->first;
  int64_t at_us = now_us + wait_us + trail_pacer_jitter_us(trail_random_u32());
  if (!call->held_back) trail_note_pace(call, wait_us);
  call->held_back = true;
  line->ask_again_us = at_us;
  trail_timers_set(&engine->timers, &call->timer,
                   at_us < call->deadline_at_us ? at_us : call->deadline_at_us);
}

bool trail_pacing_admits(struct trail_engine *engine, struct trail_line *line, int64_t now_us) {
  struct trail_call *call = line->first;
  struct trail_client *client = call->client;
  if (!client->pace || call->admitted) return true;
  if (now_us < line->ask_again_us && !engine->learnt) return false;
  int64_t wait_us = trail_pacer_admit(client->pace, &client->defaults.pacing, now_us,
                                      call->priority, &call->ticket);
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
  call->admitted = false;
  engine->learnt = true;
  if (!answer->sent && !answer->head.complete) {
    trail_pacer_refund(client->pace, &call->ticket);
    return;
  }
  struct trail_pacer_answer told = {
      .has_rate = call->facts.has_rate,
      .rate = call->facts.rate,
      .date = call->facts.date >= 0 ? call->facts.date : trail_clock_wall_ms() / 1000,
      .http_status = answer->head.complete ? answer->head.status : 0,
      .retry_after_ms = answer->head.complete ? call->facts.retry_after_ms : -1,
  };
  trail_pacer_feedback(client->pace, &client->defaults.pacing, now_us, &call->ticket, &told);
}
