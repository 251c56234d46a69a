#include "base/buffer.h"

#include "base/memory.h"
#include "guard.h"

static const char *const type_name = "trail_testing_buffer";

static struct trail_buffer *check(lua_State *L) { return luaL_checkudata(L, 1, type_name); }

static int push_status(lua_State *L, enum trail_status status) {
  lua_pushstring(L, trail_status_name(status));
  return 1;
}

static int clear(lua_State *L) {
  trail_buffer_clear(check(L));
  return 0;
}

/* new(limit) -> buffer; without a limit a zeroed struct; with -1 the largest limit there is */
static int new_buffer(lua_State *L) {
  struct trail_buffer *buffer = lua_newuserdata(L, sizeof *buffer);
  *buffer = (struct trail_buffer){0};
  if (luaL_newmetatable(L, type_name)) {
    lua_pushcfunction(L, clear);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  if (!lua_isnoneornil(L, 1)) trail_buffer_init(buffer, (size_t)luaL_checkinteger(L, 1));
  return 1;
}

/* append(buffer, bytes) -> status */
static int append(lua_State *L) {
  struct trail_buffer *buffer = check(L);
  return push_status(L, trail_buffer_append_slice(buffer, trail_guard_slice(L, 2)));
}

/* append_text(buffer, text) -> status */
static int append_text(lua_State *L) {
  struct trail_buffer *buffer = check(L);
  return push_status(L, trail_buffer_append_text(buffer, luaL_checkstring(L, 2)));
}

/* append_byte(buffer, code) -> status */
static int append_byte(lua_State *L) {
  struct trail_buffer *buffer = check(L);
  return push_status(L, trail_buffer_append_byte(buffer, (char)luaL_checkinteger(L, 2)));
}

/* append_huge(buffer) -> status; a size that would wrap around */
static int append_huge(lua_State *L) {
  return push_status(L, trail_buffer_append(check(L), "", (size_t)-1));
}

static int refuse(void) { return 1; }

/* append_starved(buffer, bytes) -> status, with no memory to be had */
static int append_starved(lua_State *L) {
  struct trail_buffer *buffer = check(L);
  struct trail_slice bytes = trail_guard_slice(L, 2);
  trail_memory_refuse = refuse;
  enum trail_status status = trail_buffer_append_slice(buffer, bytes);
  trail_memory_refuse = NULL;
  return push_status(L, status);
}

/* read(buffer) -> bytes, capacity, is the byte behind the last a NUL */
static int read_buffer(lua_State *L) {
  const struct trail_buffer *buffer = check(L);
  trail_guard_push(L, trail_buffer_slice(buffer));
  lua_pushnumber(L, (lua_Number)buffer->capacity);
  lua_pushboolean(L, trail_buffer_text(buffer)[buffer->size] == '\0');
  return 3;
}

/* take(buffer) -> bytes | nil without storage */
static int take(lua_State *L) {
  size_t size;
  char *bytes = trail_buffer_take(check(L), &size);
  if (!bytes) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushlstring(L, bytes, size);
  trail_memory_free(bytes);
  return 1;
}

static int reset(lua_State *L) {
  trail_buffer_reset(check(L));
  return 0;
}

const luaL_Reg trail_testing_buffer[] = {
    {"new", new_buffer},
    {"append", append},
    {"append_text", append_text},
    {"append_byte", append_byte},
    {"append_huge", append_huge},
    {"append_starved", append_starved},
    {"read", read_buffer},
    {"take", take},
    {"reset", reset},
    {"clear", clear},
    {NULL, NULL},
};
