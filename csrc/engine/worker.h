/* The worker: a thread that drives the engine for hosts whose own threads must never wait.
 *
 * One per process, in C statics, shared by all Lua states. It starts with the first call after a
 * fork, blocks all signals and never sees a Lua state; it ends when no state has had a desk for an
 * idle minute, and with the process, which it does not delay. Everything here may be called from any
 * thread and waits for nothing but short locks: what is wanted is put into a list, which the worker
 * detaches whole, and one write wakes it if it sleeps; what is done lies on the caller's desk
 * (desk.h), and a doorbell (net/doorbell.h) wakes the coroutine that waits.
 *
 * The worker holds a lock on the engine except while it sleeps, and a fork takes it: the child finds
 * the engine at rest, ends in it what was the parent's, and starts a thread of its own.
 */
#ifndef TRAIL_ENGINE_WORKER_H
#define TRAIL_ENGINE_WORKER_H

#include "engine/desk.h"
#include "engine/guest.h"
#include "net/doorbell.h"

/* A desk for one Lua state. Starts nothing. */
TRAIL_MUST_USE enum trail_status trail_worker_open(struct trail_desk **out);
/* Cancels what is left of the state's calls and takes the desk over. */
void trail_worker_close(struct trail_desk *desk);

/* What its doorbell is to be when it starts; the kind with a folder unless told. */
void trail_worker_choose_doorbell(enum trail_doorbell_kind kind);
/* Runs in this process from now on. TRAIL_CONFIG where it cannot, TRAIL_NETWORK where no descriptor is
 * left; the second says why. */
TRAIL_MUST_USE enum trail_status trail_worker_start(void);
const char *trail_worker_fault(void);
/* The doorbell's address, or NULL where the worker does not run. */
const char *trail_worker_address(void);

/* Takes the call over until it is done. Who rings the doorbell right after this need not wake the
 * worker. */
TRAIL_MUST_USE enum trail_status trail_worker_submit(struct trail_desk *desk,
                                                     struct trail_call *call, uint64_t waiter);
void trail_worker_wake(void); /* by one who has a desk */
/* It waits, without having sent a line: the doorbell rings on the connection that it used last.
 * False: there are news already, and no ring will come. */
bool trail_worker_listens(uint64_t waiter);
/* `why`: TRAIL_CANCELLED or TRAIL_TIMEOUT. */
void trail_worker_cancel(struct trail_call *call, enum trail_status why);
/* Nobody will read its result. */
void trail_worker_drop(struct trail_call *call);
bool trail_worker_is_done(const struct trail_call *call);
/* trail_desk_next, which in the child of a fork finds what was the parent's, ended. */
struct trail_call *trail_worker_next(struct trail_desk *desk);

/* Wakes a coroutine that waits, for a reason of the Lua thread's; nothing where that is under way. */
void trail_worker_poke(uint64_t waiter);
/* It begins to wait for calls of the client's: its doorbell rings at once where there is news that
 * nobody waited for. */
void trail_worker_greet(struct trail_client *client, uint64_t waiter);
/* Nobody waits under it any more, for its coroutine was ended: neither will anybody want its calls. */
void trail_worker_lose(uint64_t waiter);

/* What the engine's functions of these names do, for a client that has a guest. */
void trail_worker_close_client(struct trail_client *client);
TRAIL_MUST_USE enum trail_status trail_worker_set_key(struct trail_client *client,
                                                      enum trail_key_source source,
                                                      struct trail_slice key, int64_t until_us,
                                                      struct trail_key_fault *fault);
TRAIL_MUST_USE enum trail_status trail_worker_use_function(struct trail_client *client);
TRAIL_MUST_USE enum trail_status trail_worker_set_fallback(struct trail_client *client,
                                                           struct trail_slice key,
                                                           struct trail_key_fault *fault);
void trail_worker_key_answered(struct trail_client *client, const char *problem);
void trail_worker_key_deaf(struct trail_client *client);

/* Whether this is the child of a fork, and the thread the parent's; and ends here what was its. */
bool trail_worker_has_crossed(void);
void trail_worker_look_for_fork(void);

/* How long it stays without desks, instead of a minute; for specs. */
void trail_worker_linger(int64_t us);
bool trail_worker_runs(void);

#endif
