#include "policy/head.h"

#include "guard.h"
#include "policy/facts.h"

/* Feeds line after line of the array at `arg` until one is refused, each from guarded memory. */
static enum trail_status feed(lua_State *L, int arg, struct trail_head *head, const char **why) {
  enum trail_status status = TRAIL_OK;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (int i = 1; status == TRAIL_OK; i++) {
    lua_settop(L, arg);
    lua_rawgeti(L, arg, i);
    if (lua_isnil(L, -1)) break;
    struct trail_slice line = trail_guard_slice(L, arg + 1);
    status = trail_head_line(head, line.bytes, line.size, why);
  }
  lua_settop(L, arg);
  return status;
}

static void push_fields(lua_State *L, const struct trail_head *head) {
  struct trail_head_field field;
  int count = 0;
  lua_newtable(L);
  for (size_t cursor = 0; trail_head_next(head, &cursor, &field);) {
    lua_createtable(L, 3, 0);
    trail_guard_push(L, field.name);
    lua_rawseti(L, -2, 1);
    trail_guard_push(L, field.value);
    lua_rawseti(L, -2, 2);
    if (field.folded) {
      lua_pushliteral(L, "folded");
      lua_rawseti(L, -2, 3);
    }
    lua_rawseti(L, -2, ++count);
  }
}

/* read{ line, ... } -> { status=, complete=, interim=, content_length=, fields={ { name, value,
 * "folded" | nil }, ... } } | nil, status's name, why */
static int read_head(lua_State *L) {
  struct trail_head head;
  const char *why = NULL;
  trail_head_init(&head);
  enum trail_status status = feed(L, 1, &head, &why);
  if (status != TRAIL_OK) {
    trail_head_clear(&head);
    lua_pushnil(L);
    lua_pushstring(L, trail_status_name(status));
    lua_pushstring(L, why);
    return 3;
  }
  lua_newtable(L);
  lua_pushinteger(L, head.status);
  lua_setfield(L, -2, "status");
  lua_pushboolean(L, head.complete);
  lua_setfield(L, -2, "complete");
  lua_pushinteger(L, (lua_Integer)head.interim);
  lua_setfield(L, -2, "interim");
  lua_pushnumber(L, (lua_Number)head.content_length);
  lua_setfield(L, -2, "content_length");
  push_fields(L, &head);
  lua_setfield(L, -2, "fields");
  trail_head_clear(&head);
  return 1;
}

static void set_slice(lua_State *L, const char *name, struct trail_slice slice) {
  if (!slice.size) return;
  trail_guard_push(L, slice);
  lua_setfield(L, -2, name);
}

/* facts({ line, ... }, now) -> { rate={ limit, remaining, reset }, date=, retry_after_ms=,
 * request_id= }; what is absent is nil */
static int facts(lua_State *L) {
  struct trail_head head;
  struct trail_facts seen;
  const char *why = NULL;
  int64_t now = (int64_t)luaL_checknumber(L, 2);
  lua_settop(L, 1);
  trail_head_init(&head);
  if (feed(L, 1, &head, &why) != TRAIL_OK) {
    trail_head_clear(&head);
    return luaL_error(L, "refused: %s", why);
  }
  trail_facts_read(&head, now, &seen);
  lua_newtable(L);
  if (seen.has_rate) {
    const uint32_t rate[] = {seen.rate.limit, seen.rate.remaining, seen.rate.reset};
    lua_createtable(L, 3, 0);
    for (int i = 0; i < 3; i++) {
      lua_pushnumber(L, rate[i]);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "rate");
  }
  if (seen.date != -1) {
    lua_pushnumber(L, (lua_Number)seen.date);
    lua_setfield(L, -2, "date");
  }
  if (seen.retry_after_ms != -1) {
    lua_pushnumber(L, (lua_Number)seen.retry_after_ms);
    lua_setfield(L, -2, "retry_after_ms");
  }
  set_slice(L, "request_id", seen.request_id);
  trail_head_clear(&head);
  return 1;
}

const luaL_Reg trail_testing_head[] = {
    {"read", read_head},
    {"facts", facts},
    {NULL, NULL},
};
