#include "policy/verdict.h"

#include "guard.h"

static const char *const statuses[] = {
#define NAME(name, text) text,
    TRAIL_STATUS_LIST(NAME)
#undef NAME
        NULL,
};

static const char *const outcomes[] = {
#define NAME(name, text) text,
    TRAIL_OUTCOME_LIST(NAME)
#undef NAME
        NULL,
};

static bool flag(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool set = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return set;
}

/* { method=, keyed=, sent=, head_complete=, complete=, cut=, http_status=, failure= } */
static struct trail_attempt read_attempt(lua_State *L) {
  struct trail_attempt attempt = {0};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "method");
  if (!trail_method_from_name(trail_slice_text(luaL_checkstring(L, -1)), &attempt.method)) {
    luaL_error(L, "no such method");
  }
  lua_getfield(L, 1, "http_status");
  attempt.http_status = (unsigned)luaL_optinteger(L, -1, 0);
  lua_getfield(L, 1, "failure");
  attempt.failure = (enum trail_status)luaL_checkoption(L, -1, "ok", statuses);
  lua_pop(L, 3);
  attempt.keyed = flag(L, "keyed");
  attempt.sent = flag(L, "sent");
  attempt.head_complete = flag(L, "head_complete");
  attempt.complete = flag(L, "complete");
  attempt.cut = flag(L, "cut");
  return attempt;
}

/* status(http status) -> kind */
static int status(lua_State *L) {
  unsigned http_status = (unsigned)luaL_checkinteger(L, 1);
  lua_pushstring(L, trail_status_name(trail_verdict_status(http_status)));
  return 1;
}

/* outcome(attempt) -> name */
static int outcome(lua_State *L) {
  struct trail_attempt attempt = read_attempt(L);
  lua_pushstring(L, trail_verdict_outcome_name(trail_verdict_outcome(&attempt)));
  return 1;
}

/* worse(name, name) -> name */
static int worse(lua_State *L) {
  enum trail_outcome a = (enum trail_outcome)luaL_checkoption(L, 1, NULL, outcomes);
  enum trail_outcome b = (enum trail_outcome)luaL_checkoption(L, 2, NULL, outcomes);
  lua_pushstring(L, trail_verdict_outcome_name(trail_verdict_worse(a, b)));
  return 1;
}

/* outcome_name(number) -> name */
static int outcome_name(lua_State *L) {
  lua_pushstring(L, trail_verdict_outcome_name((enum trail_outcome)luaL_checkinteger(L, 1)));
  return 1;
}

/* retryable(attempt) -> boolean */
static int retryable(lua_State *L) {
  struct trail_attempt attempt = read_attempt(L);
  lua_pushboolean(L, trail_verdict_retryable(&attempt));
  return 1;
}

/* repeatable(last attempt, outcome of the whole) -> boolean */
static int repeatable(lua_State *L) {
  struct trail_attempt attempt = read_attempt(L);
  enum trail_outcome whole = (enum trail_outcome)luaL_checkoption(L, 2, NULL, outcomes);
  lua_pushboolean(L, trail_verdict_repeatable(&attempt, whole));
  return 1;
}

const luaL_Reg trail_testing_verdict[] = {
    {"status", status},
    {"outcome", outcome},
    {"worse", worse},
    {"outcome_name", outcome_name},
    {"retryable", retryable},
    {"repeatable", repeatable},
    {NULL, NULL},
};
