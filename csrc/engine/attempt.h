/* One attempt of a call: its beginning, and the judgement of its end. */
#ifndef TRAIL_ENGINE_ATTEMPT_H
#define TRAIL_ENGINE_ATTEMPT_H

#include "engine/life.h"

/* The call has its place and its ticket: its request leaves. */
void trail_attempt_begin(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

/* The attempt has ended, and its answer is in the call, which goes on to its next state. */
void trail_attempt_judge(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

/* A server that sends the key back, as some do in an error's text, shall not put it into logs. Data
 * of a success is the caller's as it came; it is hidden only if it turns out to be no JSON. */
bool trail_attempt_echoes_key(const struct trail_call *call);
void trail_attempt_hide_key(struct trail_call *call);

#endif
