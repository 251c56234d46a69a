#include "testing.h"

static const struct {
  const char *name;
  const luaL_Reg *functions;
} areas[] = {
#define TRAIL_TESTING_ROW(area) {#area, trail_testing_##area},
    TRAIL_TESTING_AREAS(TRAIL_TESTING_ROW)
#undef TRAIL_TESTING_ROW
};

/* luaL_setfuncs is missing on Lua 5.1, and this is all of it that is needed. */
static void push_area(lua_State *L, const luaL_Reg *functions) {
  lua_newtable(L);
  for (; functions->name; functions++) {
    lua_pushcfunction(L, functions->func);
    lua_setfield(L, -2, functions->name);
  }
}

__attribute__((visibility("default"))) int luaopen_trailmark_testing(lua_State *L);

int luaopen_trailmark_testing(lua_State *L) {
  lua_newtable(L);
  for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
    push_area(L, areas[i].functions);
    lua_setfield(L, -2, areas[i].name);
  }
  return 1;
}
