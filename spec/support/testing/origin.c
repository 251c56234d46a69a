#include "net/origin.h"

#include "base/memory.h"
#include "net/library.h"
#include "testing.h"

static int refused(lua_State *L, enum trail_status status, const char *why) {
  lua_pushnil(L);
  lua_pushstring(L, trail_status_name(status));
  lua_pushstring(L, why);
  return 3;
}

/* parse(base_url) -> text, path, is it plain http | nil, status's name, why */
static int parse(lua_State *L) {
  struct trail_origin origin;
  const char *why = NULL;
  enum trail_status status = trail_origin_parse(luaL_checkstring(L, 1), &origin, &why);
  if (status != TRAIL_OK) return refused(L, status, why);
  lua_pushstring(L, origin.text);
  lua_pushstring(L, origin.path);
  lua_pushboolean(L, origin.plain_http);
  trail_origin_clear(&origin);
  return 3;
}

static int is_absolute(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  lua_pushboolean(L, trail_origin_is_absolute(trail_slice_of(path, size)));
  return 1;
}

/* target(base_url, url) -> request target | nil, status's name, why */
static int target(lua_State *L) {
  struct trail_origin origin;
  struct trail_slice found = {NULL, 0};
  const char *why = NULL;
  const char *url = luaL_checkstring(L, 2);
  if (trail_origin_parse(luaL_checkstring(L, 1), &origin, &why) != TRAIL_OK)
    return luaL_error(L, "base URL: %s", why);
  enum trail_status status = trail_origin_target(&origin, url, &found, &why);
  trail_origin_clear(&origin);
  if (status != TRAIL_OK) return refused(L, status, why);
  lua_pushlstring(L, found.bytes, found.size);
  return 1;
}

/* follow(base_url, from, reference) -> URL | nil, status's name, why */
static int follow(lua_State *L) {
  struct trail_origin origin;
  char url[TRAIL_ORIGIN_URL_SIZE];
  const char *why = NULL;
  const char *from = luaL_checkstring(L, 2), *reference = luaL_checkstring(L, 3);
  if (trail_origin_parse(luaL_checkstring(L, 1), &origin, &why) != TRAIL_OK)
    return luaL_error(L, "base URL: %s", why);
  enum trail_status status = trail_origin_follow(&origin, from, reference, url, &why);
  trail_origin_clear(&origin);
  if (status != TRAIL_OK) return refused(L, status, why);
  lua_pushstring(L, url);
  return 1;
}

static int until_refusal;
static int refuse_one(void) { return --until_refusal == 0; }

/* starved(n, function, ...) -> was there an nth allocation, ours or libcurl's (unless another module
 * has started it), which failed; the function's results */
static int starved(lua_State *L) {
  if (trail_library_start() != TRAIL_OK) return luaL_error(L, "%s", trail_library_fault());
  until_refusal = (int)luaL_checkinteger(L, 1);
  trail_memory_refuse = refuse_one;
  int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
  trail_memory_refuse = NULL;
  if (status) return lua_error(L);
  lua_pushboolean(L, until_refusal <= 0);
  lua_replace(L, 1);
  return lua_gettop(L);
}

const luaL_Reg trail_testing_origin[] = {
    {"starved", starved},
    {"parse", parse},
    {"is_absolute", is_absolute},
    {"target", target},
    {"follow", follow},
    {NULL, NULL},
};
