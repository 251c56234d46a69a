/* The events of a call's life, as the listener of its client will see them. */
#ifndef TRAIL_ENGINE_NOTE_H
#define TRAIL_ENGINE_NOTE_H

#include "engine/life.h"

void trail_note_request(struct trail_engine *engine, struct trail_call *call);
void trail_note_response(struct trail_engine *engine, struct trail_call *call,
                         enum trail_status kind, int64_t now_us);
void trail_note_retry(struct trail_engine *engine, struct trail_call *call, enum trail_status kind,
                      int64_t wait_us);
void trail_note_pace(struct trail_engine *engine, struct trail_call *call, int64_t wait_us);
/* The budget could not be shared by this user's processes; `why` is a sentence for people. */
void trail_note_unshared(struct trail_engine *engine, struct trail_call *call, const char *why);
void trail_note_key(struct trail_engine *engine, struct trail_call *call);
void trail_note_error(struct trail_engine *engine, struct trail_call *call);

#endif
