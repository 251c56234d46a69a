#include "policy/target.h"

#include "base/memory.h"
#include "guard.h"

enum { PARAMS_MAX = 8 };

static const char *const reasons[] = {
#define REASON(name, text) #name,
    TRAIL_TARGET_LIST(REASON)
#undef REASON
};

/* The buffer's text, or nil and what was wrong; the buffer's storage is released. */
static int push_result(lua_State *L, bool ok, struct trail_buffer *target,
                       const struct trail_target_error *error) {
  if (ok) {
    trail_guard_push(L, trail_buffer_slice(target));
    trail_buffer_clear(target);
    return 1;
  }
  trail_buffer_clear(target);
  lua_pushnil(L);
  lua_pushstring(L, reasons[error->reason]);
  lua_pushnumber(L, (lua_Number)error->offset);
  trail_guard_push(L, error->name);
  return 4;
}

static bool begin(struct trail_buffer *target, struct trail_slice base) {
  trail_buffer_init(target, TRAIL_TARGET_MAX);
  return trail_buffer_append_slice(target, base) == TRAIL_OK;
}

/* An array of { name, value } at the given place; the strings stay the table's. */
static struct trail_target_params *read_params(lua_State *L, int arg,
                                               struct trail_target_params *params) {
  if (lua_isnoneornil(L, arg)) return NULL;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (params->count = 0; params->count < PARAMS_MAX; params->count++) {
    struct trail_target_param *param = &params->list[params->count];
    lua_rawgeti(L, arg, (int)params->count + 1);
    if (lua_isnil(L, -1)) break;
    lua_rawgeti(L, -1, 1);
    param->name.bytes = luaL_checklstring(L, -1, &param->name.size);
    lua_rawgeti(L, -2, 2);
    param->value.bytes = luaL_checklstring(L, -1, &param->value.size);
    param->used = true; /* what an earlier path left there means nothing */
    lua_pop(L, 2);
  }
  return params;
}

/* path(path, params, base) -> target | nil, reason, offset, name */
static int path(lua_State *L) {
  struct trail_buffer target;
  struct trail_target_error error = {.reason = TRAIL_TARGET_TOO_LONG};
  struct trail_target_param list[PARAMS_MAX];
  struct trail_target_params params = {.list = list};
  struct trail_slice text = trail_guard_slice(L, 1);
  struct trail_slice base = trail_guard_slice(L, 3);
  struct trail_target_params *given = read_params(L, 2, &params);
  bool ok = begin(&target, base) && trail_target_add_path(&target, text, given, &error);
  return push_result(L, ok, &target, &error);
}

/* pair(name, value, so far) -> target | nil, reason, offset, name */
static int pair(lua_State *L) {
  struct trail_buffer target;
  struct trail_target_error error = {.reason = TRAIL_TARGET_TOO_LONG};
  struct trail_slice name = trail_guard_slice(L, 1);
  struct trail_slice value = trail_guard_slice(L, 2);
  bool ok = begin(&target, trail_guard_slice(L, 3)) &&
            trail_target_add_pair(&target, name, value, &error);
  return push_result(L, ok, &target, &error);
}

/* query(encoded, so far) -> target | nil, reason, offset, name */
static int query(lua_State *L) {
  struct trail_buffer target;
  struct trail_target_error error = {.reason = TRAIL_TARGET_TOO_LONG};
  struct trail_slice encoded = trail_guard_slice(L, 1);
  bool ok =
      begin(&target, trail_guard_slice(L, 2)) && trail_target_add_query(&target, encoded, &error);
  return push_result(L, ok, &target, &error);
}

static int refuse(void) { return 1; }

/* starved(function, ...) -> the function's results, with no memory for C while it runs */
static int starved(lua_State *L) {
  trail_memory_refuse = refuse;
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  trail_memory_refuse = NULL;
  return status ? lua_error(L) : lua_gettop(L);
}

/* text(number) -> what a message says */
static int text(lua_State *L) {
  lua_pushstring(L, trail_target_text((enum trail_target_reason)luaL_checkinteger(L, 1)));
  return 1;
}

/* count() -> how many reasons there are, from 0 on */
static int count(lua_State *L) {
  lua_pushinteger(L, TRAIL_TARGET_COUNT);
  return 1;
}

const luaL_Reg trail_testing_target[] = {
    {"path", path}, {"pair", pair},   {"query", query}, {"starved", starved},
    {"text", text}, {"count", count}, {NULL, NULL},
};
