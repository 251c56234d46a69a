#include "guard.h"
#include "policy/field.h"

#include <inttypes.h>
#include <stdio.h>

static int push_nil(lua_State *L) {
  lua_pushnil(L);
  return 1;
}

/* As text: not every Lua has integers of 64 bits. */
static int push_uint(lua_State *L, bool read, uint64_t number) {
  char text[24];
  if (!read) return push_nil(L);
  snprintf(text, sizeof text, "%" PRIu64, number);
  lua_pushstring(L, text);
  return 1;
}

static int trim(lua_State *L) {
  trail_guard_push(L, trail_field_trim(trail_guard_slice(L, 1)));
  return 1;
}

static int token_size(lua_State *L) {
  lua_pushnumber(L, (lua_Number)trail_field_token_size(trail_guard_slice(L, 1)));
  return 1;
}

static int is_token(lua_State *L) {
  lua_pushboolean(L, trail_field_is_token(trail_guard_slice(L, 1)));
  return 1;
}

static int is_value(lua_State *L) {
  lua_pushboolean(L, trail_field_is_value(trail_guard_slice(L, 1)));
  return 1;
}

/* is_visible(value, max) */
static int is_visible(lua_State *L) {
  struct trail_slice value = trail_guard_slice(L, 1);
  lua_pushboolean(L, trail_field_is_visible(value, (size_t)luaL_checknumber(L, 2)));
  return 1;
}

/* uint(value, max as text) -> decimal text | nil */
static int read_uint(lua_State *L) {
  uint64_t number = 0;
  struct trail_slice value = trail_guard_slice(L, 1);
  uint64_t max = strtoumax(luaL_checkstring(L, 2), NULL, 10);
  bool read = trail_field_uint(value, max, &number);
  return push_uint(L, read, number);
}

static int content_length(lua_State *L) {
  uint64_t bytes = 0;
  bool read = trail_field_content_length(trail_guard_slice(L, 1), &bytes);
  return push_uint(L, read, bytes);
}

static int age(lua_State *L) {
  uint32_t seconds = 0;
  bool read = trail_field_age(trail_guard_slice(L, 1), &seconds);
  return push_uint(L, read, seconds);
}

/* rate(limit, remaining, reset) -> limit, remaining, reset | nil */
static int rate(lua_State *L) {
  struct trail_rate_fields fields;
  struct trail_slice limit = trail_guard_slice(L, 1);
  struct trail_slice remaining = trail_guard_slice(L, 2);
  if (!trail_field_rate(limit, remaining, trail_guard_slice(L, 3), &fields)) return push_nil(L);
  lua_pushnumber(L, fields.limit);
  lua_pushnumber(L, fields.remaining);
  lua_pushnumber(L, fields.reset);
  return 3;
}

static struct trail_retry_after read_retry_after(lua_State *L) {
  struct trail_slice value = trail_guard_slice(L, 1);
  return trail_field_retry_after(value, (int64_t)luaL_checknumber(L, 2));
}

/* retry_after(value, now) -> "absent" | "delay", seconds | "date", seconds */
static int retry_after(lua_State *L) {
  static const char *const kinds[] = {"absent", "delay", "date"};
  struct trail_retry_after after = read_retry_after(L);
  lua_pushstring(L, kinds[after.kind]);
  if (after.kind == TRAIL_RETRY_AFTER_ABSENT) return 1;
  lua_pushnumber(L, (lua_Number)after.seconds);
  return 2;
}

/* retry_after_ms(value, server's now) -> ms, -1 when absent */
static int retry_after_ms(lua_State *L) {
  struct trail_retry_after after = read_retry_after(L);
  int64_t now = (int64_t)luaL_checknumber(L, 2);
  lua_pushnumber(L, (lua_Number)trail_field_retry_after_ms(after, now));
  return 1;
}

static int request_id(lua_State *L) {
  struct trail_slice id;
  if (!trail_field_request_id(trail_guard_slice(L, 1), &id)) return push_nil(L);
  trail_guard_push(L, id);
  return 1;
}

static int is_json(lua_State *L) {
  lua_pushboolean(L, trail_field_is_json(trail_guard_slice(L, 1)));
  return 1;
}

const luaL_Reg trail_testing_field[] = {
    {"trim", trim},
    {"token_size", token_size},
    {"is_token", is_token},
    {"is_value", is_value},
    {"is_visible", is_visible},
    {"uint", read_uint},
    {"content_length", content_length},
    {"age", age},
    {"rate", rate},
    {"retry_after", retry_after},
    {"retry_after_ms", retry_after_ms},
    {"request_id", request_id},
    {"is_json", is_json},
    {NULL, NULL},
};
