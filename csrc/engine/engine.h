/* The engine: drives every call of one Lua state (or one worker thread) from submission to its
 * result.
 *
 * It knows neither libcurl nor Lua nor the clock: attempts go to an opaque transport, `now` is a
 * parameter, and a driver (inline.h) decides when to wait. A call's life is queued -> in flight ->
 * (backing off -> queued ...) -> done; one function changes the state. Nothing here blocks, and
 * nothing calls user code.
 */
#ifndef TRAIL_ENGINE_ENGINE_H
#define TRAIL_ENGINE_ENGINE_H

#include "engine/call.h"
#include "engine/client.h"

struct trail_engine;

/* Takes the transport over, on success only. */
TRAIL_MUST_USE enum trail_status trail_engine_create(struct trail_transport *transport,
                                                     struct trail_engine **out);
/* Cancels what is left and releases it. */
void trail_engine_destroy(struct trail_engine *engine);

/* In the child of a fork: every call of the parent's ends here as cancelled, and `fresh` is used
 * from now on. */
void trail_engine_replace_transport(struct trail_engine *engine, struct trail_transport *fresh);

/* Queues a new call; the engine holds it until it is done. */
TRAIL_MUST_USE enum trail_status trail_engine_submit(struct trail_engine *engine,
                                                     struct trail_call *call, int64_t now_us);
/* Ends it as `why` (cancelled, closed) unless it is done already. */
void trail_engine_cancel(struct trail_engine *engine, struct trail_call *call,
                         enum trail_status why, int64_t now_us);
/* The same for every call of a client. */
void trail_engine_cancel_client(struct trail_engine *engine, struct trail_client *client,
                                enum trail_status why, int64_t now_us);

/* What a function should be asked for before the client's calls can go on: TRAIL_KEY_ASK,
 * TRAIL_KEY_ASK_FALLBACK or TRAIL_KEY_GIVE_UP (nothing). The answer, taken by the keyring or
 * failed, is told by the second. */
enum trail_key_verdict trail_engine_key_question(const struct trail_client *client);
void trail_engine_key_answered(struct trail_engine *engine, struct trail_client *client,
                               int64_t now_us);

/* Takes in finished transfers, then lets timers run out, then starts what may start. */
void trail_engine_advance(struct trail_engine *engine, int64_t now_us);

/* When `advance` has something to do again by itself; TRAIL_NEVER. After a submit, a cancel or an
 * answered key question it is due at once. */
int64_t trail_engine_wake_us(const struct trail_engine *engine);
size_t trail_engine_live(const struct trail_engine *engine); /* calls that are not done */
struct trail_transport *trail_engine_transport(const struct trail_engine *engine);

#endif
