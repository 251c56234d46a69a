#include "policy/caller_header.h"

#include "guard.h"

static const char *const reasons[] = {
#define REASON(name, text) #name,
    TRAIL_CALLER_HEADER_LIST(REASON)
#undef REASON
};

/* check(name, value) -> the reason's name, e.g. "OK" */
static int check(lua_State *L) {
  struct trail_slice name = trail_guard_slice(L, 1);
  lua_pushstring(L, reasons[trail_caller_header_check(name, trail_guard_slice(L, 2))]);
  return 1;
}

/* text(number) -> what a message says */
static int text(lua_State *L) {
  lua_pushstring(L, trail_caller_header_text((enum trail_caller_header)luaL_checkinteger(L, 1)));
  return 1;
}

/* count() -> how many reasons there are, from 0 on */
static int count(lua_State *L) {
  lua_pushinteger(L, TRAIL_CALLER_HEADER_COUNT);
  return 1;
}

const luaL_Reg trail_testing_caller_header[] = {
    {"check", check},
    {"text", text},
    {"count", count},
    {NULL, NULL},
};
