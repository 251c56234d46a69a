#include "policy/retry_budget.h"

void trail_retry_budget_init(struct trail_retry_budget *budget) {
  budget->tokens = TRAIL_RETRY_BUDGET_TOKENS;
}

bool trail_retry_budget_take(struct trail_retry_budget *budget) {
  if (budget->tokens < TRAIL_RETRY_BUDGET_COST) return false;
  budget->tokens -= TRAIL_RETRY_BUDGET_COST;
  return true;
}

void trail_retry_budget_give(struct trail_retry_budget *budget) {
  if (budget->tokens < TRAIL_RETRY_BUDGET_TOKENS) budget->tokens++;
}
