#include "binding/target.h"

#include <math.h>
#include <stdlib.h>

#include "binding/state.h"
#include "policy/json_number.h"
#include "policy/target.h"

#define QUERY_DEPTH "is a table within a table: a query has names and values only"

/* ---- complaints ------------------------------------------------------------------------------ */

static bool complain(lua_State *L, struct trail_target_complaint *complaint, const char *subject,
                     const char *text, int value) {
  if (value)
    lua_pushvalue(L, value);
  else
    lua_pushnil(L);
  complaint->subject = subject;
  complaint->text = text;
  return false;
}

static bool complain_of(lua_State *L, struct trail_target_complaint *complaint, const char *subject,
                        const struct trail_target_error *error, int value) {
  if (error->reason == TRAIL_TARGET_NO_MEMORY) trail_state_raise_memory(L);
  if (error->name.size == 0)
    return complain(L, complaint, subject, trail_target_text(error->reason), value);
  lua_pushlstring(L, error->name.bytes, error->name.size);
  complaint->subject = subject;
  complaint->text = trail_target_text(error->reason);
  return false;
}

/* ---- values ---------------------------------------------------------------------------------- */

static struct trail_slice slice_at(lua_State *L, int index) {
  size_t size;
  const char *bytes = lua_tolstring(L, index, &size);
  return trail_slice_of(bytes, size);
}

/* Pushes a scalar's text; false, with nothing pushed, for what a query or path cannot hold. A
 * number without a fraction is written without one, whatever its Lua type. */
static bool push_text(lua_State *L, int index) {
  char digits[TRAIL_JSON_NUMBER_SIZE];
  switch (lua_type(L, index)) {
    case LUA_TSTRING:
      lua_pushvalue(L, index);
      return true;
    case LUA_TBOOLEAN:
      lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
      return true;
    case LUA_TNUMBER:
      break;
    default:
      return false;
  }
  if (lua_isinteger(L, index)) {
    lua_pushvalue(L, index);
    (void)lua_tolstring(L, -1, NULL);
    return true;
  }
  double number = (double)lua_tonumber(L, index);
  if (!isfinite(number)) return false;
  lua_pushlstring(L, digits, trail_json_number_print(number, digits));
  return true;
}

/* ---- names in order -------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
  const struct trail_slice *left = a, *right = b;
  size_t shorter = left->size < right->size ? left->size : right->size;
  int order = shorter ? memcmp(left->bytes, right->bytes, shorter) : 0;
  if (order) return order;
  return left->size < right->size ? -1 : left->size > right->size;
}

/* Pushes a userdata holding the table's names, sorted; they stay valid while the table is
 * unchanged. NULL, with the offending key on top, where one is no string. */
static struct trail_slice *push_names(lua_State *L, int table, size_t *count) {
  size_t found = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) found++;
  struct trail_slice *names = lua_newuserdata(L, (found ? found : 1) * sizeof *names);
  *count = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || *count == found) {
      lua_pop(L, 1);
      return NULL;
    }
    names[(*count)++] = slice_at(L, -2);
  }
  qsort(names, *count, sizeof *names, compare_names);
  return names;
}

/* ---- the parts ------------------------------------------------------------------------------- */

static bool read_params(lua_State *L, int index, struct trail_target_params *params,
                        struct trail_target_complaint *complaint) {
  size_t count;
  struct trail_slice *names = push_names(L, index, &count);
  if (!names) return complain(L, complaint, "params", "is a name that is no string", lua_gettop(L));
  params->list = lua_newuserdata(L, (count ? count : 1) * sizeof *params->list);
  params->count = count;
  luaL_checkstack(L, (int)count + LUA_MINSTACK, "too many params");
  for (size_t i = 0; i < count; i++) {
    lua_pushlstring(L, names[i].bytes, names[i].size);
    lua_rawget(L, index);
    if (!push_text(L, -1) || lua_type(L, -2) == LUA_TBOOLEAN)
      return complain(L, complaint, "params",
                      "holds a value that is no string and no finite number", 0);
    lua_remove(L, -2);
    /* The text stays on the stack, and so stays valid. */
    params->list[i] = (struct trail_target_param){.name = names[i], .value = slice_at(L, -1)};
  }
  return true;
}

static bool add_path(lua_State *L, const struct trail_client *client,
                     const struct trail_target_parts *parts, struct trail_buffer *target,
                     struct trail_target_complaint *complaint) {
  struct trail_target_params params = {0};
  struct trail_target_error error;
  struct trail_slice path = slice_at(L, parts->path);
  const char *why = "";
  if (trail_origin_is_absolute(path)) {
    if (memchr(path.bytes, '\0', path.size))
      return complain(L, complaint, "path", trail_target_text(TRAIL_TARGET_CONTROL), parts->path);
    enum trail_status status = trail_origin_target(&client->origin, path.bytes, &path, &why);
    if (status == TRAIL_NO_MEMORY) trail_state_raise_memory(L);
    if (status != TRAIL_OK) return complain(L, complaint, "path", why, parts->path);
    if (path.bytes[0] == '?' && trail_buffer_append_byte(target, '/') != TRAIL_OK)
      trail_state_raise_memory(L);
  } else if (trail_buffer_append_text(target, client->origin.path) != TRAIL_OK) {
    trail_state_raise_memory(L);
  }
  if (parts->params && !read_params(L, parts->params, &params, complaint)) return false;
  if (trail_target_add_path(target, path, parts->params ? &params : NULL, &error)) return true;
  return complain_of(L, complaint, error.name.size ? "params" : "path", &error, parts->path);
}

static bool add_value(lua_State *L, struct trail_buffer *target, struct trail_slice name,
                      struct trail_target_complaint *complaint) {
  struct trail_target_error error;
  if (!push_text(L, -1))
    return complain(L, complaint, "query",
                    "holds a value that is no string, finite number, boolean or array of these", 0);
  bool added = trail_target_add_pair(target, name, slice_at(L, -1), &error);
  if (!added) return complain_of(L, complaint, "query", &error, 0);
  lua_pop(L, 1);
  return true;
}

/* The value on top is an array: its name is repeated. */
static bool add_array(lua_State *L, struct trail_buffer *target, struct trail_slice name,
                      struct trail_target_complaint *complaint) {
  size_t count = lua_rawlen(L, -1), keys = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) keys++;
  if (keys != count) return complain(L, complaint, "query", QUERY_DEPTH, 0);
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, (int)i);
    if (!add_value(L, target, name, complaint)) return false;
    lua_pop(L, 1);
  }
  return true;
}

static bool add_query(lua_State *L, int index, struct trail_buffer *target,
                      struct trail_target_complaint *complaint) {
  struct trail_target_error error;
  if (lua_type(L, index) == LUA_TSTRING) {
    if (trail_target_add_query(target, slice_at(L, index), &error)) return true;
    return complain_of(L, complaint, "query", &error, index);
  }
  size_t count;
  struct trail_slice *names = push_names(L, index, &count);
  if (!names) return complain(L, complaint, "query", "has a name that is no string", lua_gettop(L));
  for (size_t i = 0; i < count; i++) {
    lua_pushlstring(L, names[i].bytes, names[i].size);
    lua_rawget(L, index);
    bool array = lua_type(L, -1) == LUA_TTABLE;
    bool added = array ? add_array(L, target, names[i], complaint)
                       : add_value(L, target, names[i], complaint);
    if (!added) {
      lua_pop(L, 1);
      lua_pushlstring(L, names[i].bytes, names[i].size); /* the name says more than the value */
      return false;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return true;
}

bool trail_target_build(lua_State *L, const struct trail_client *client,
                        const struct trail_target_parts *parts, struct trail_buffer *target,
                        struct trail_target_complaint *complaint) {
  trail_buffer_init(target, TRAIL_TARGET_MAX);
  if (!add_path(L, client, parts, target, complaint)) return false;
  return !parts->query || add_query(L, parts->query, target, complaint);
}
