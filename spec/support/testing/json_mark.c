#include "policy/json_mark.h"

#include "guard.h"

/* apply(text) -> marked text, bound; the text must be JSON */
static int apply(lua_State *L) {
  struct trail_slice text = trail_guard_slice(L, 1);
  struct trail_json_text_facts facts;
  struct trail_json_text_error error;
  luaL_argcheck(L, trail_json_text_scan(text, &facts, &error), 1, "not JSON");
  size_t bound = trail_json_mark_bound(text.size, &facts);
  char *out = lua_newuserdata(L, bound);
  lua_pushlstring(L, out, trail_json_mark_apply(text, out));
  lua_pushinteger(L, (lua_Integer)bound);
  return 2;
}

/* undo(text) -> text; it must be JSON */
static int undo(lua_State *L) {
  struct trail_slice text = trail_guard_slice(L, 1);
  char *out = lua_newuserdata(L, text.size);
  lua_pushlstring(L, out, trail_json_mark_undo(text, out));
  return 1;
}

const luaL_Reg trail_testing_json_mark[] = {
    {"apply", apply},
    {"undo", undo},
    {NULL, NULL},
};
