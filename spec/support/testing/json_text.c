#include "policy/json_text.h"

#include "guard.h"

static void set_count(lua_State *L, const char *name, size_t count) {
  lua_pushinteger(L, (lua_Integer)count);
  lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool flag) {
  lua_pushboolean(L, flag);
  lua_setfield(L, -2, name);
}

/* scan(text) -> facts | nil, offset, expected */
static int scan(lua_State *L) {
  struct trail_json_text_facts facts;
  struct trail_json_text_error error;
  if (!trail_json_text_scan(trail_guard_slice(L, 1), &facts, &error)) {
    lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)error.at);
    lua_pushstring(L, error.expected);
    return 3;
  }
  lua_newtable(L);
  set_count(L, "start", facts.start);
  set_count(L, "empty_arrays", facts.empty_arrays);
  set_count(L, "big_integers", facts.big_integers);
  set_count(L, "marked_strings", facts.marked_strings);
  set_flag(L, "integers", facts.integers);
  set_flag(L, "fractions", facts.fractions);
  set_flag(L, "huge", facts.huge);
  if (facts.huge) set_count(L, "huge_at", facts.huge_at);
  return 1;
}

/* utf8(bytes) -> how many of the first are */
static int utf8(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)trail_json_text_utf8(trail_guard_slice(L, 1)));
  return 1;
}

const luaL_Reg trail_testing_json_text[] = {
    {"scan", scan},
    {"utf8", utf8},
    {NULL, NULL},
};
