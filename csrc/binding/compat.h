/* One name for what the Lua versions call differently: the names are those of Lua 5.3. */
#ifndef TRAIL_BINDING_COMPAT_H
#define TRAIL_BINDING_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 502
#define lua_rawlen(L, index) lua_objlen(L, index)
#ifndef LUA_OK
#define LUA_OK 0
#endif
#endif

/* Lua 5.3 and later tell integers from floats; before, no number is one. */
#if LUA_VERSION_NUM < 503
#define lua_isinteger(L, index) ((void)(L), (void)(index), 0)
#endif

/* The metatable of a userdata type: its methods under __index, its finaliser, closed to Lua. */
void trail_compat_metatable(lua_State *L, const char *name, const luaL_Reg *methods,
                            lua_CFunction collect);

#endif
