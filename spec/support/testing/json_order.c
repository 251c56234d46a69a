#include "policy/json_order.h"

#include "guard.h"

/* apply(text) -> text, how many members it has; it must be JSON without whitespace */
static int apply(lua_State *L) {
  struct trail_slice text = trail_guard_slice(L, 1);
  size_t count = trail_json_order_count(text);
  struct trail_json_order_member *members = lua_newuserdata(L, count * sizeof *members);
  char *scratch = lua_newuserdata(L, text.size);
  char *ordered = lua_newuserdata(L, text.size);
  memcpy(ordered, text.bytes, text.size);
  trail_json_order_apply(ordered, text.size, members, scratch);
  lua_pushlstring(L, ordered, text.size);
  lua_pushinteger(L, (lua_Integer)count);
  return 2;
}

const luaL_Reg trail_testing_json_order[] = {
    {"apply", apply},
    {NULL, NULL},
};
