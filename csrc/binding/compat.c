#include "binding/compat.h"

static void add_methods(lua_State *L, const luaL_Reg *methods) {
  for (; methods->name; methods++) {
    lua_pushcfunction(L, methods->func);
    lua_setfield(L, -2, methods->name);
  }
}

void trail_compat_metatable(lua_State *L, const char *name, const luaL_Reg *methods,
                            lua_CFunction collect) {
  if (luaL_newmetatable(L, name)) {
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
