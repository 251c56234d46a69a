#include "base/status.h"
#include "testing.h"

/* name(number) -> the kind */
static int name(lua_State *L) {
  lua_pushstring(L, trail_status_name((enum trail_status)luaL_checkinteger(L, 1)));
  return 1;
}

/* count() -> how many there are, from 0 on */
static int count(lua_State *L) {
  lua_pushinteger(L, TRAIL_STATUS_COUNT);
  return 1;
}

const luaL_Reg trail_testing_status[] = {
    {"name", name},
    {"count", count},
    {NULL, NULL},
};
