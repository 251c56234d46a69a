/* A fuzzer written in Lua: FUZZ_SCRIPT, below FUZZ_ROOT, returns a function of the input that
 * raises where a promise is broken. The library is linked in; its Lua files, and cjson, are found
 * as usual.
 *
 * libFuzzer sees the C core by its own means. That it sees which lines of Lua run, and looks for
 * inputs that reach more of them, is done here, with its extra counters.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { COUNTERS = 1 << 14 };

__attribute__((section("__libfuzzer_extra_counters"), used)) static uint8_t counters[COUNTERS];

int luaopen_trailmark_core(lua_State *L);

/* Of the address sanitizer: Lua frees when it likes, and libFuzzer would look for leaks each time
 * it sees less freed than allocated. Leaks are for the specs to find. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

static void on_line(lua_State *L, lua_Debug *at) {
  lua_getinfo(L, "S", at);
  uint32_t place = (uint32_t)at->currentline * 0x9e3779b1u;
  for (const char *c = at->short_src; *c; c++) place = (place ^ (unsigned char)*c) * 16777619u;
  uint8_t *counter = &counters[place % COUNTERS];
  if (*counter < UINT8_MAX) ++*counter;
}

static _Noreturn void fail(lua_State *L) {
  const char *message = lua_tostring(L, -1);
  fprintf(stderr, "%s\n", message ? message : "an error that is no string");
  abort();
}

static int explain(lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

static lua_State *open(void) {
  static const char setup[] = "package.path = '" FUZZ_ROOT "/lua/?.lua;" FUZZ_ROOT
                              "/lua/?/init.lua;" FUZZ_ROOT "/?.lua;' .. package.path";
  lua_State *L = luaL_newstate();
  CHECK(L != NULL);
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_trailmark_core);
  lua_setfield(L, -2, "trailmark.core");
  lua_settop(L, 0);
  lua_pushcfunction(L, explain);
  if (luaL_dostring(L, setup) || luaL_dofile(L, FUZZ_ROOT "/" FUZZ_SCRIPT)) fail(L);
  lua_sethook(L, on_line, LUA_MASKLINE, 0);
  return L; /* explain, the function */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (!L) L = open();
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 1) != LUA_OK) fail(L);
  return 0;
}
