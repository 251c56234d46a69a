/* The retry budgets of this process, one for each origin its clients talk to.
 *
 * A budget outlives the clients that hold it, since a program may make a client for every request.
 * The places are few and static: a new origin is given one that nobody holds, and of those the one
 * whose budget remembers least. Thread-safe, and without a lock that a fork could copy while it is
 * held.
 */
#ifndef TRAIL_ENGINE_BUDGETS_H
#define TRAIL_ENGINE_BUDGETS_H

#include "policy/retry_budget.h"

#define TRAIL_BUDGETS_PLACES 256

/* The origin's budget, held until it is released; a full one where the origin is new. NULL: clients
 * of other origins hold every place, and this one has to do with a budget of its own. */
struct trail_retry_budget *trail_budgets_hold(const char *origin);
void trail_budgets_release(struct trail_retry_budget *budget); /* NULL is legal */

#endif
