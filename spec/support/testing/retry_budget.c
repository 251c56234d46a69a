#include "policy/retry_budget.h"

#include "testing.h"

static struct trail_retry_budget *check(lua_State *L) {
  luaL_checktype(L, 1, LUA_TUSERDATA);
  return lua_touserdata(L, 1);
}

/* new() -> a full budget */
static int new_budget(lua_State *L) {
  trail_retry_budget_init(lua_newuserdata(L, sizeof(struct trail_retry_budget)));
  return 1;
}

/* take(budget) -> granted */
static int take(lua_State *L) {
  lua_pushboolean(L, trail_retry_budget_take(check(L)));
  return 1;
}

static int give(lua_State *L) {
  trail_retry_budget_give(check(L));
  return 0;
}

static int tokens(lua_State *L) {
  lua_pushnumber(L, check(L)->tokens);
  return 1;
}

const luaL_Reg trail_testing_retry_budget[] = {
    {"new", new_budget}, {"take", take}, {"give", give}, {"tokens", tokens}, {NULL, NULL},
};
