#include "guard.h"
#include "policy/http_date.h"

/* parse(value, now) -> Unix seconds | nil */
static int parse(lua_State *L) {
  int64_t seconds;
  struct trail_slice value = trail_guard_slice(L, 1);
  if (trail_http_date_parse(value, (int64_t)luaL_checknumber(L, 2), &seconds)) {
    lua_pushnumber(L, (lua_Number)seconds);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

const luaL_Reg trail_testing_http_date[] = {
    {"parse", parse},
    {NULL, NULL},
};
