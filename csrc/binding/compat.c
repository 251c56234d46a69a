#include "binding/compat.h"

#include <stdbool.h>

/* To the table on top; the metatable is below it. */
static void add_methods(lua_State *L, const luaL_Reg *methods) {
  for (; methods->name; methods++) {
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, methods->func, 1);
    lua_setfield(L, -2, methods->name);
  }
}

void *trail_compat_self(lua_State *L, const char *name) {
  void *self = lua_touserdata(L, 1);
  if (!self || !lua_getmetatable(L, 1)) return luaL_checkudata(L, 1, name);
  bool same = lua_rawequal(L, -1, lua_upvalueindex(1));
  lua_pop(L, 1);
  return same ? self : luaL_checkudata(L, 1, name);
}

void trail_compat_metatable(lua_State *L, const char *name, const luaL_Reg *methods,
                            lua_CFunction collect) {
  luaL_newmetatable(L, name);
  lua_getfield(L, -1, "__metatable"); /* set last: memory may have run out in an earlier try */
  bool whole = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (!whole) {
    lua_newtable(L);
    add_methods(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0); /* no way to it from Lua */
    lua_setfield(L, -2, "__metatable");
  }
  lua_pop(L, 1);
}
