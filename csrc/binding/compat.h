/* One name for what the Lua versions call differently: the names are those of Lua 5.3. */
#ifndef TRAIL_BINDING_COMPAT_H
#define TRAIL_BINDING_COMPAT_H

#include <stdbool.h>
#include <stddef.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

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

/* HAProxy, the one who uses a coroutine's extra space, has Lua 5.3 or later. */
#if LUA_VERSION_NUM < 503
#define lua_getextraspace(L) ((void)(L), &(void *){NULL})
#endif

/* Whether a coroutine can be suspended is known to 5.3, later ones, and LuaJIT. */
#if LUA_VERSION_NUM >= 503 || defined(LUA_JITLIBNAME)
#define TRAIL_COMPAT_YIELDABLE 1
#endif

/* The metatable of a userdata type: its methods under __index, its finaliser, closed to Lua. */
void trail_compat_metatable(lua_State *L, const char *name, const luaL_Reg *methods,
                            lua_CFunction collect);

/* In one of those methods: luaL_checkudata of its first argument, without a look at the registry. */
void *trail_compat_self(lua_State *L, const char *name);

#endif
