#include "policy/retry_budget.h"

void trail_retry_budget_init(struct trail_retry_budget *budget) {
  atomic_init(&budget->tokens, TRAIL_RETRY_BUDGET_TOKENS);
}

bool trail_retry_budget_take(struct trail_retry_budget *budget) {
  uint32_t tokens = atomic_load_explicit(&budget->tokens, memory_order_relaxed);
  do {
    if (tokens < TRAIL_RETRY_BUDGET_COST) return false;
  } while (!atomic_compare_exchange_weak_explicit(&budget->tokens, &tokens,
                                                  tokens - TRAIL_RETRY_BUDGET_COST,
                                                  memory_order_relaxed, memory_order_relaxed));
  return true;
}

void trail_retry_budget_give(struct trail_retry_budget *budget) {
  uint32_t tokens = atomic_load_explicit(&budget->tokens, memory_order_relaxed);
  do {
    if (tokens >= TRAIL_RETRY_BUDGET_TOKENS) return; /* the usual case costs a load */
  } while (!atomic_compare_exchange_weak_explicit(&budget->tokens, &tokens, tokens + 1,
                                                  memory_order_relaxed, memory_order_relaxed));
}
