/* Stores of pacing states, in a folder of the spec's own; numbers of links and modes are
 * integers. */
#include "engine/pace_store.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "policy/pacer_word.h"
#include "testing.h"

#define TYPE "trailmark_testing.pace_store"

struct handle {
  struct trail_pace_store *store;
};

static struct trail_pace_store *check(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, handle->store, 1, "closed");
  return handle->store;
}

static struct trail_slice text_field(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  struct trail_slice text = {NULL, 0};
  text.bytes = luaL_optlstring(L, -1, "", &text.size);
  return text; /* stays on the stack */
}

static int close_store(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, TYPE);
  trail_pace_store_close(handle->store);
  handle->store = NULL;
  return 0;
}

/* open{ key=, origin=, scope=, folder=, private= } -> store */
static int open_store(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct trail_slice key = text_field(L, "key");
  struct trail_pace_options options = {.shared = true,
                                       .origin = text_field(L, "origin"),
                                       .scope = text_field(L, "scope"),
                                       .folder = text_field(L, "folder").bytes};
  lua_getfield(L, 1, "private");
  options.shared = !lua_toboolean(L, -1);
  struct handle *handle = lua_newuserdata(L, sizeof *handle);
  handle->store = NULL;
  if (luaL_newmetatable(L, TYPE)) {
    lua_pushcfunction(L, close_store);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  if (trail_pace_store_open(&options, key, &handle->store) != TRAIL_OK)
    return luaL_error(L, "not enough memory");
  return 1;
}

/* alias(store, key) */
static int alias(lua_State *L) {
  size_t size;
  const char *key = luaL_checklstring(L, 2, &size);
  trail_pace_store_alias(check(L), trail_slice_of(key, size));
  return 0;
}

/* describe(store) -> shared, why not */
static int describe(lua_State *L) {
  struct trail_pace_description seen = trail_pace_store_describe(check(L));
  lua_pushboolean(L, seen.shared);
  lua_pushstring(L, seen.why);
  return 2;
}

/* window(store[, name, used]) -> name, used; what is given is written */
static int window(lua_State *L) {
  struct trail_pace *pace = trail_pace_store_state(check(L));
  if (lua_gettop(L) > 1)
    trail_pacer_word_set(&pace->window,
                         trail_pacer_word_of_window((uint32_t)luaL_checknumber(L, 2),
                                                    (uint32_t)luaL_checknumber(L, 3)));
  struct trail_pacer_window seen = trail_pacer_word_window(trail_pacer_word_read(&pace->window));
  lua_pushnumber(L, seen.name);
  lua_pushnumber(L, seen.used);
  return 2;
}

/* count(store, times): that many more places in the window, one compare-and-swap each */
static int count(lua_State *L) {
  struct trail_pace *pace = trail_pace_store_state(check(L));
  for (lua_Number left = luaL_checknumber(L, 2); left > 0; left--) {
    uint64_t word = trail_pacer_word_read(&pace->window);
    while (!trail_pacer_word_swap(&pace->window, &word, word + 1)) continue;
  }
  return 0;
}

/* is_line(store): the state lies in one cache line, on memory that reads as a file's would */
static int is_line(lua_State *L) {
  lua_pushboolean(L, (uintptr_t)trail_pace_store_state(check(L)) % 64 == 0);
  return 1;
}

/* stat(path) -> mode, links, size | nil */
static int stat_path(lua_State *L) {
  struct stat status;
  if (lstat(luaL_checkstring(L, 1), &status) != 0) return 0;
  lua_pushnumber(L, status.st_mode & 07777);
  lua_pushnumber(L, (lua_Number)status.st_nlink);
  lua_pushnumber(L, (lua_Number)status.st_size);
  return 3;
}

static int user(lua_State *L) {
  lua_pushnumber(L, geteuid());
  return 1;
}

static int allocations_left;

static int refuse_later(void) { return allocations_left-- <= 0; }

/* sweep(folder) -> how often memory ran short before a store opened */
static int sweep(lua_State *L) {
  struct trail_pace_options options = {.shared = true,
                                       .origin = trail_slice_text("https://api.trailmark.com"),
                                       .folder = luaL_checkstring(L, 1)};
  int failures = 0;
  struct trail_pace_store *store = NULL;
  for (; !store && failures < 100; failures++) {
    allocations_left = failures;
    trail_memory_refuse = refuse_later;
    enum trail_status status = trail_pace_store_open(&options, trail_slice_text("k"), &store);
    trail_memory_refuse = NULL;
    if ((status == TRAIL_OK) != (store != NULL) || (store == NULL && status != TRAIL_NO_MEMORY))
      return luaL_error(L, "status and store disagree");
  }
  trail_pace_store_close(store);
  lua_pushnumber(L, failures - 1);
  return 1;
}

const luaL_Reg trail_testing_pace_store[] = {
    {"open", open_store}, {"close", close_store}, {"alias", alias},     {"describe", describe},
    {"window", window},   {"count", count},       {"is_line", is_line}, {"stat", stat_path},
    {"user", user},       {"sweep", sweep},       {NULL, NULL},
};
