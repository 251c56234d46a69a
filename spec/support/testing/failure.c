#include "net/failure.h"

#include "testing.h"

/* refine(code, text, head_begun) -> the kind of failure that a code of libcurl's means */
static int refine(lua_State *L) {
  enum trail_status status = trail_failure_refine((int)luaL_checkinteger(L, 1),
                                                  luaL_checkstring(L, 2), lua_toboolean(L, 3));
  lua_pushstring(L, trail_status_name(status));
  return 1;
}

/* words(code, text) -> what to tell of it */
static int words(lua_State *L) {
  lua_pushstring(L, trail_failure_words((int)luaL_checkinteger(L, 1), luaL_checkstring(L, 2)));
  return 1;
}

const luaL_Reg trail_testing_failure[] = {
    {"refine", refine},
    {"words", words},
    {NULL, NULL},
};
