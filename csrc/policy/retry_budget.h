/* A brake on retry storms, one per origin and process.
 *
 * A retry costs 14 tokens, a success gives one back: from full, 35 retries are free, after that at
 * most one for every 14 successes. A server that is down is asked little more than callers ask.
 * The count is one atomic word, so that every engine of a process may share it.
 */
#ifndef TRAIL_POLICY_RETRY_BUDGET_H
#define TRAIL_POLICY_RETRY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TRAIL_RETRY_BUDGET_TOKENS 500
#define TRAIL_RETRY_BUDGET_COST 14

struct trail_retry_budget {
  _Atomic uint32_t tokens;
};

void trail_retry_budget_init(struct trail_retry_budget *budget);
bool trail_retry_budget_take(struct trail_retry_budget *budget); /* false: no retry now */
void trail_retry_budget_give(struct trail_retry_budget *budget); /* an attempt succeeded */

#endif
