/* The retry budgets of this process, one for each origin its clients talk to. */
#ifndef TRAIL_ENGINE_BUDGETS_H
#define TRAIL_ENGINE_BUDGETS_H

#include "policy/retry_budget.h"

/* Made at the first request for it, and kept for the life of the process. NULL: no memory.
 * Thread-safe. */
struct trail_retry_budget *trail_budgets_find(const char *origin);

#endif
