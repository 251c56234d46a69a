/* One attempt of a call: its beginning, and the judgement of its end. */
#ifndef TRAIL_ENGINE_ATTEMPT_H
#define TRAIL_ENGINE_ATTEMPT_H

#include "engine/life.h"

/* The call has its place and its ticket: its request leaves. */
void trail_attempt_begin(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

/* The attempt has ended, and its answer is in the call, which goes on to its next state. */
void trail_attempt_judge(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

#endif
