#include "policy/backoff.h"

#include "testing.h"

static lua_Number number(lua_State *L, const char *name, lua_Number otherwise) {
  lua_getfield(L, 1, name);
  lua_Number value = luaL_optnumber(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

/* wait(base ms, cap ms, retry, random) -> ms */
static int wait(lua_State *L) {
  struct trail_backoff backoff = {
      .base_ms = (uint32_t)luaL_checknumber(L, 1),
      .cap_ms = (uint32_t)luaL_checknumber(L, 2),
  };
  uint32_t retry = (uint32_t)luaL_checknumber(L, 3);
  uint32_t random = (uint32_t)luaL_checknumber(L, 4);
  lua_pushnumber(L, (lua_Number)trail_backoff_wait_ms(backoff, retry, random));
  return 1;
}

/* plan{ base=, cap=, retry=, random=, floor=, now=, deadline= } -> fits, ms */
static int plan(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  struct trail_backoff backoff = {
      .base_ms = (uint32_t)number(L, "base", 500),
      .cap_ms = (uint32_t)number(L, "cap", 8000),
  };
  struct trail_backoff_case at = {
      .retry = (uint32_t)number(L, "retry", 1),
      .random = (uint32_t)number(L, "random", 0),
      .floor_ms = (int64_t)number(L, "floor", -1),
      .now_ms = (int64_t)number(L, "now", 0),
      .deadline_ms = (int64_t)number(L, "deadline", 90000),
  };
  struct trail_backoff_plan made = trail_backoff_plan(backoff, &at);
  lua_pushboolean(L, made.fits);
  lua_pushnumber(L, (lua_Number)made.wait_ms);
  return 2;
}

const luaL_Reg trail_testing_backoff[] = {
    {"wait", wait},
    {"plan", plan},
    {NULL, NULL},
};
