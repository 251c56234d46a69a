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
/* Instead: the new call ends as `why`, without having been queued. */
void trail_engine_refuse(struct trail_engine *engine, struct trail_call *call,
                         enum trail_status why, int64_t now_us);
/* Ends it as `why` (cancelled, closed, timeout: its batch's time is over) unless it is done already. */
void trail_engine_cancel(struct trail_engine *engine, struct trail_call *call,
                         enum trail_status why, int64_t now_us);
/* The same for every call of a client. */
void trail_engine_cancel_client(struct trail_engine *engine, struct trail_client *client,
                                enum trail_status why, int64_t now_us);

/* A call that its owner does not wait for with a driver: when it is done, it is listed. False: it
 * is done already. */
bool trail_engine_announce(struct trail_engine *engine, struct trail_call *call);
void trail_engine_announce_all(struct trail_engine *engine, const struct trail_client *client);
/* The announced call that ended first, with a hold that the caller releases; NULL: none. */
struct trail_call *trail_engine_next_finished(struct trail_engine *engine);

/* Nobody will read its result. It is cancelled if the server can have seen nothing of it; else it
 * runs on. */
void trail_engine_drop(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

/* What a function should be asked for before the client's calls can go on: TRAIL_KEY_ASK_FIRST,
 * TRAIL_KEY_ASK, TRAIL_KEY_ASK_FALLBACK or TRAIL_KEY_GIVE_UP (nothing, or somebody is at it). */
enum trail_key_verdict trail_engine_key_question(const struct trail_client *client);
/* The same, and from now on the caller is at it: it answers, or gives the question back. */
enum trail_key_verdict trail_engine_key_take(struct trail_engine *engine,
                                             struct trail_client *client);
void trail_engine_key_give_back(struct trail_engine *engine, struct trail_client *client);
/* The answer was taken by the keyring; or there is none, and `problem` says why. */
void trail_engine_key_answered(struct trail_engine *engine, struct trail_client *client,
                               const char *problem, int64_t now_us);
/* Nobody is left who could ask the client's functions. */
void trail_engine_key_deaf(struct trail_engine *engine, struct trail_client *client,
                           int64_t now_us);

/* Takes in finished transfers, then lets timers run out, then starts what may start; not everything
 * in one turn, where much is to be started. */
void trail_engine_advance(struct trail_engine *engine, int64_t now_us);
/* The same where a host's loop has others to serve meanwhile. */
void trail_engine_advance_briefly(struct trail_engine *engine, int64_t now_us);

/* When `advance` has something to do again by itself: 0, at once; TRAIL_NEVER. */
int64_t trail_engine_wake_us(const struct trail_engine *engine);
/* What somebody should look at: listed calls, questions for a key, new events. */
struct trail_news {
  bool finished, question, events;
};
/* Whether there are listed calls, or questions that nobody is at. */
bool trail_engine_has_news(const struct trail_engine *engine);
/* Events count as looked at from now on. */
struct trail_news trail_engine_news(struct trail_engine *engine);
size_t trail_engine_live(const struct trail_engine *engine); /* calls that are not done */
struct trail_transport *trail_engine_transport(const struct trail_engine *engine);

#endif
