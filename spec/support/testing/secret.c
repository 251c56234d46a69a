#include "base/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "guard.h"

#define SECRET "trailmark.testing.secret"

struct handle {
  struct trail_secret *secret;
};

static struct trail_secret *check(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, SECRET);
  luaL_argcheck(L, handle->secret != NULL, 1, "released");
  return handle->secret;
}

static int release(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, SECRET);
  trail_secret_release(handle->secret);
  handle->secret = NULL;
  return 0;
}

static struct handle *push(lua_State *L) {
  struct handle *handle = lua_newuserdata(L, sizeof *handle);
  handle->secret = NULL;
  if (luaL_newmetatable(L, SECRET)) {
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return handle;
}

/* create(size, [bytes]) -> secret | nil, status */
static int create(lua_State *L) {
  size_t size = (size_t)luaL_checknumber(L, 1);
  struct trail_slice bytes = trail_guard_slice(L, 2);
  struct handle *handle = push(L);
  enum trail_status status = trail_secret_create(size, &handle->secret);
  if (status != TRAIL_OK) {
    lua_pushnil(L);
    lua_pushstring(L, trail_status_name(status));
    return 2;
  }
  if (bytes.size) memcpy(trail_secret_bytes(handle->secret), bytes.bytes, bytes.size);
  return 1;
}

static int refuse(void) { return 1; }

/* create_starved() -> status, is there a secret */
static int create_starved(lua_State *L) {
  struct trail_secret *secret = NULL;
  trail_memory_refuse = refuse;
  enum trail_status status = trail_secret_create(8, &secret);
  trail_memory_refuse = NULL;
  lua_pushstring(L, trail_status_name(status));
  lua_pushboolean(L, secret != NULL);
  return 2;
}

/* retain(secret) -> another handle of the same */
static int retain(lua_State *L) {
  struct trail_secret *secret = check(L);
  push(L)->secret = trail_secret_retain(secret);
  return 1;
}

/* read(secret) -> bytes, is the byte behind the last a NUL, its address in hex */
static int read_secret(lua_State *L) {
  struct trail_secret *secret = check(L);
  char address[24];
  snprintf(address, sizeof address, "%" PRIxPTR, (uintptr_t)trail_secret_bytes(secret));
  lua_pushlstring(L, trail_secret_bytes(secret), trail_secret_size(secret));
  lua_pushboolean(L, trail_secret_bytes(secret)[trail_secret_size(secret)] == '\0');
  lua_pushstring(L, address);
  return 3;
}

const luaL_Reg trail_testing_secret[] = {
    {"create", create},   {"create_starved", create_starved},
    {"retain", retain},   {"read", read_secret},
    {"release", release}, {NULL, NULL},
};
