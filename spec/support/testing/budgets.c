#include "engine/budgets.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "testing.h"

enum { THREADS = 8, TURNS = 5000, ORIGINS = 100 };

static struct trail_retry_budget *check(lua_State *L) {
  luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
  return lua_touserdata(L, 1);
}

/* hold(origin) -> a budget, or nil where no place is free */
static int hold(lua_State *L) {
  struct trail_retry_budget *budget = trail_budgets_hold(luaL_checkstring(L, 1));
  if (budget)
    lua_pushlightuserdata(L, budget);
  else
    lua_pushnil(L);
  return 1;
}

static int release(lua_State *L) {
  trail_budgets_release(check(L));
  return 0;
}

/* take(budget) -> granted */
static int take(lua_State *L) {
  lua_pushboolean(L, trail_retry_budget_take(check(L)));
  return 1;
}

static int tokens(lua_State *L) {
  lua_pushnumber(L, check(L)->tokens);
  return 1;
}

/* places() -> how many there are */
static int places(lua_State *L) {
  lua_pushinteger(L, TRAIL_BUDGETS_PLACES);
  return 1;
}

/* Holds one origin of its own after the other: what another thread does must not show in them. */
static void *come_and_go(void *context) {
  int *thread = context;
  for (int i = 0; i < TURNS; i++) {
    char origin[40];
    snprintf(origin, sizeof origin, "https://%d.thread%d.test", i % ORIGINS, *thread);
    struct trail_retry_budget *budget = trail_budgets_hold(origin);
    if (!budget) break;
    uint32_t mine = (uint32_t)(*thread * TURNS + i);
    atomic_store(&budget->tokens, mine);
    sched_yield();
    bool kept = atomic_load(&budget->tokens) == mine;
    trail_budgets_release(budget);
    if (!kept) break;
    if (i == TURNS - 1) return context;
  }
  return NULL;
}

/* storm() -> how many of the threads that come and go never met another in their place, of how many
 */
static int storm(lua_State *L) {
  pthread_t threads[THREADS];
  int numbers[THREADS], fine = 0, started = 0;
  for (; started < THREADS; started++) {
    numbers[started] = started;
    if (pthread_create(&threads[started], NULL, come_and_go, &numbers[started])) break;
  }
  for (int i = 0; i < started; i++) {
    void *result;
    pthread_join(threads[i], &result);
    fine += result != NULL;
  }
  lua_pushinteger(L, fine);
  lua_pushinteger(L, THREADS);
  return 2;
}

const luaL_Reg trail_testing_budgets[] = {
    {"hold", hold},     {"release", release}, {"take", take}, {"tokens", tokens},
    {"places", places}, {"storm", storm},     {NULL, NULL},
};
