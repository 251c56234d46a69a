/* A desk: where a Lua state finds what the worker thread has ready for it, and the numbers under
 * which its coroutines wait.
 *
 * News come to a desk in order, each with the desk's next tick: a call that is done, or a poke
 * without one. The Lua thread detaches the list whole and takes one after the other; `seen` is the
 * tick up to which it has. A waiter's tick is that of the latest news that concerned it, so a waiter
 * that is about to wait tells what it has seen, and whatever came since wakes it at once: no wake-up
 * is lost, and none is needed twice.
 *
 * One lock for the process guards all of this, and nothing is done under it but moving pointers and
 * copying small structs. Calls go through three hands: of the Lua thread, until they are submitted;
 * of the worker, until `done` is set; of the Lua thread again.
 */
#ifndef TRAIL_ENGINE_DESK_H
#define TRAIL_ENGINE_DESK_H

#include <stdatomic.h>

#include "engine/call.h"
#include "engine/errand.h"

struct trail_desk;

/* A call in the worker's hands: what of it both threads may touch. Freed with its call. */
struct trail_job {
  struct trail_call *call;
  struct trail_desk *desk;
  uint64_t waiter; /* 0: nobody waits for it */
  uint64_t tick;   /* of its end */
  struct trail_job *next;
  struct trail_errand submit, end; /* the worker's list of errands */
  atomic_bool done;                /* from then on the call is the Lua thread's again */
};

/* The lock, for the few who have to guard more with it, and for a fork. */
void trail_desk_lock(void);
void trail_desk_unlock(void);

/* ---- of the Lua thread ---- */

TRAIL_MUST_USE enum trail_status trail_desk_create(struct trail_desk **out);
/* The call that was done first, with a hold that the caller releases; NULL: none. */
struct trail_call *trail_desk_next(struct trail_desk *desk);

/* A number to wait under; 0: no memory. */
uint64_t trail_desk_open_waiter(struct trail_desk *desk);
/* Nobody waits under it any more, and its calls are to be ended: the errand of that, with the lock
 * held. NULL: there is none. */
struct trail_errand *trail_desk_lose_locked(uint64_t waiter);
/* It is about to wait; returns what it has seen. */
uint64_t trail_desk_asks(struct trail_desk *desk, uint64_t waiter);
uint64_t trail_desk_asked(uint64_t waiter); /* the same once more */
/* It waits, as it was about to, and sends no line: the doorbell knows its connection. False: there
 * are news already, and no ring will come. With the lock held. */
bool trail_desk_listens_locked(uint64_t waiter);
/* It waits for a call, by that id, whose ring is another's; 0: no longer. */
void trail_desk_share(uint64_t waiter, uint64_t call_id);
/* False: the call is done. */
bool trail_desk_await(struct trail_call *call, uint64_t waiter);

/* ---- of the worker ---- */

/* The call is done: the hold on it goes to the desk. The waiter that wants to know, or 0. */
uint64_t trail_desk_put(struct trail_call *call);
/* The waiter shall look, whatever for. False: there is none of that number. */
bool trail_desk_poke(uint64_t waiter);
/* Whether it listens; from now on it does not. */
bool trail_desk_hush(uint64_t waiter);
/* The same with the lock held, for an errand: NULL where it is going to look anyhow. */
struct trail_errand *trail_desk_poke_locked(uint64_t waiter);
/* That errand is performed: the waiter's number, and whether it was lost; what it shared then. */
uint64_t trail_desk_poked(struct trail_errand *errand, bool *lost, uint64_t *shared);
/* It shares that no longer, for it has left: the call's id, or 0. */
uint64_t trail_desk_unshare(uint64_t waiter);
/* Whether anybody is left who shares it. */
bool trail_desk_is_shared(uint64_t call_id);
/* Whether the waiter, who has seen so much, has news; true too where it is gone. */
bool trail_desk_concerns(uint64_t waiter, uint64_t seen);
uint64_t trail_desk_waiter_of(const struct trail_call *call);

/* The errand of closing it. */
struct trail_errand *trail_desk_leave(struct trail_desk *desk);
void trail_desk_destroy(
    struct trail_desk *desk); /* with what nobody took; no call may be under way */

#endif
