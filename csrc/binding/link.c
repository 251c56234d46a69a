#include "binding/link.h"

#include <string.h>

#include "base/memory.h"
#include "binding/client.h"
#include "binding/state.h"
#include "net/origin.h"
#include "policy/link.h"

static struct trail_slice check_slice(lua_State *L, int index) {
  size_t size;
  const char *bytes = luaL_checklstring(L, index, &size);
  return trail_slice_of(bytes, size);
}

/* next_link(header) -> reference | nil, whether the header is malformed */
static int next_link(lua_State *L) {
  struct trail_slice target;
  enum trail_link result = trail_link_next(check_slice(L, 1), &target);
  if (result == TRAIL_LINK_FOUND) {
    lua_pushlstring(L, target.bytes, target.size);
    return 1;
  }
  lua_pushnil(L);
  lua_pushboolean(L, result == TRAIL_LINK_MALFORMED);
  return 2;
}

static int refuse(lua_State *L, const char *why) {
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

/* The URL lies in memory of libcurl's own until it is a Lua string, for which memory may run out:
 * so it is copied to a buffer that Lua owns first, of a size that bounds it. */
static int follow(lua_State *L, const struct trail_origin *origin) {
  char *room = lua_newuserdata(L, TRAIL_ORIGIN_URL_SIZE);
  const char *why = "";
  enum trail_status status =
      trail_origin_follow(origin, lua_tostring(L, 2), lua_tostring(L, 3), room, &why);
  if (status == TRAIL_NO_MEMORY) return trail_state_raise_memory(L);
  if (status != TRAIL_OK) return refuse(L, why);
  lua_pushstring(L, room);
  return 1;
}

/* follow_link(client, from, reference) -> the absolute URL, of the client's origin | nil, why */
static int follow_link(lua_State *L) {
  const struct trail_client *client = trail_client_check(L);
  luaL_checkstring(L, 2);
  struct trail_slice reference = check_slice(L, 3);
  if (memchr(reference.bytes, '\0', reference.size)) return refuse(L, "holds a control byte");
  return follow(L, &client->origin);
}

void trail_link_register(lua_State *L) {
  lua_pushcfunction(L, next_link);
  lua_setfield(L, -2, "next_link");
  lua_pushcfunction(L, follow_link);
  lua_setfield(L, -2, "follow_link");
}
