/* What the worker does between two sleeps: the errands it was given, the bells, the engine's next
 * moves, and handing back what is done. By whoever holds `at_work` (worker_state.h): the thread, or
 * the child of a fork.
 */
#ifndef TRAIL_ENGINE_WORKER_TURN_H
#define TRAIL_ENGINE_WORKER_TURN_H

#include "engine/worker_state.h"

/* What can be done without waiting. */
void trail_worker_turn_take(struct trail_transport *transport);
/* Until when to sleep; 0: not at all. From here on it has to be woken. */
int64_t trail_worker_turn_fall_asleep(int64_t idle_until_us);
void trail_worker_turn_perform(enum trail_errand_kind kind, void *subject, int64_t at_us);
void trail_worker_turn_hand_back(int64_t now_us); /* calls that are done */
/* Ends, in the child of a fork, what the parent had not begun. */
void trail_worker_turn_give_up_submissions(int64_t now_us);

#endif
