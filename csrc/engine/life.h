/* The states of a call's life, and the one place where they change. For the engine's own files.
 *
 * new -> queued -> in flight -> done, with ways back from in flight to queued over backing off or
 * awaiting a key. Entering a state puts the call into its line and sets its timer; leaving takes
 * both away. Whoever finishes a call may find it freed afterwards.
 */
#ifndef TRAIL_ENGINE_LIFE_H
#define TRAIL_ENGINE_LIFE_H

#include "engine/call.h"
#include "engine/client.h"

struct trail_engine {
  struct trail_transport *transport;
  struct trail_timers timers;
  struct trail_call *first; /* live calls, newest first */
  size_t live;
  struct trail_client *waiting; /* clients whose lanes have calls queued */
  struct trail_client *tried;   /* clients whose trial of a key has ended, while others wait for it */
  bool learnt;                  /* an answer may have changed what the pacer says */
  bool due;                     /* something has come that `advance` has not looked at */
  bool noted;                   /* events were recorded since somebody last looked */
  unsigned starts;              /* how many attempts may still begin in this turn */
  unsigned questions;           /* functions to be asked for a key, that nobody is asking */
  struct trail_call *finished, *last_finished; /* announced calls that are done */
};

/* `until_us` is when the state ends by itself: an attempt's or a wait's end, never after the
 * deadline. */
void trail_life_enter(struct trail_engine *engine, struct trail_call *call,
                      enum trail_call_state state, int64_t until_us);

void trail_life_finish(struct trail_engine *engine, struct trail_call *call,
                       enum trail_status result, int64_t now_us);
/* Finishes it as a failure found on our side; its transfer, if any, is stopped and told in the
 * answer. */
void trail_life_fail(struct trail_engine *engine, struct trail_call *call, enum trail_status why,
                     int64_t now_us);

/* It ends or backs off: if it was the trial of a key, the others need wait for it no longer. */
void trail_life_end_trial(struct trail_engine *engine, struct trail_call *call);

/* The call is done, and its owner is to hear of it. */
void trail_life_list_finished(struct trail_engine *engine, struct trail_call *call);

/* What an earlier attempt answered is in the history, and no part of what comes now. */
void trail_life_forget_answer(struct trail_call *call);

/* The attempt that has just ended, for the verdict. */
struct trail_attempt trail_life_describe(const struct trail_call *call, enum trail_status kind);

#endif
