#include "binding/calm.h"

#include <stdatomic.h>
#include <string.h>

#define SOURCES "trailmark.core.sources"

enum { LOOK_AGAIN = 100 }; /* instructions */

/* HAProxy's: one and the same for all coroutines, states and threads. */
static _Atomic(lua_Hook) theirs;

/* Whether the function that runs comes from the library's folder. */
static bool is_ours(lua_State *L, lua_Debug *ar) {
  lua_getfield(L, LUA_REGISTRYINDEX, SOURCES);
  const char *folder = lua_tostring(L, -1);
  bool ours = folder && lua_getinfo(L, "S", ar) && strncmp(ar->source, folder, strlen(folder)) == 0;
  lua_pop(L, 1);
  return ours;
}

static void stand_before(lua_State *L, lua_Debug *ar) {
  lua_Hook next = atomic_load(&theirs);
  if (ar->event == LUA_HOOKCOUNT && is_ours(L, ar))
    lua_sethook(L, stand_before, lua_gethookmask(L), LOOK_AGAIN);
  else
    next(L, ar); /* which may yield: nothing can follow */
}

/* calm(folder) -> whether the coroutine that runs is one of HAProxy's own: those have a pointer in
 * Lua's extra space, the main one and those made in Lua have none. From here until it is suspended
 * it is not interrupted in functions whose sources begin with `folder`. */
static int calm(lua_State *L) {
  lua_Hook now = lua_gethook(L);
  bool is_theirs = *(void **)lua_getextraspace(L) != NULL;
  luaL_checkstring(L, 1);
  if (is_theirs && now && now != stand_before) {
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, SOURCES);
    atomic_store(&theirs, now);
    lua_sethook(L, stand_before, lua_gethookmask(L), lua_gethookcount(L));
  }
  lua_pushboolean(L, is_theirs);
  return 1;
}

void trail_calm_register(lua_State *L) {
  lua_pushcfunction(L, calm);
  lua_setfield(L, -2, "calm");
}
