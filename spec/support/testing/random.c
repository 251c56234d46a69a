#include "base/random.h"

#include "testing.h"

/* bytes(size) -> string | nil */
static int bytes(lua_State *L) {
  char text[1024] = {0};
  size_t size = (size_t)luaL_checknumber(L, 1);
  luaL_argcheck(L, size <= sizeof text, 1, "at most 1024");
  if (!trail_random_bytes(text, size)) return 0;
  lua_pushlstring(L, text, size);
  return 1;
}

static int u32(lua_State *L) {
  lua_pushnumber(L, trail_random_u32());
  return 1;
}

const luaL_Reg trail_testing_random[] = {
    {"bytes", bytes},
    {"u32", u32},
    {NULL, NULL},
};
