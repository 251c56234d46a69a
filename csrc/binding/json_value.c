#include "binding/json_value.h"

#include "binding/compat.h"
#include "binding/json.h"
#include "policy/json_number.h"
#include "policy/json_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* One key on the way from the outermost value to the one in hand. Lives on the C stack of the walk.
 */
struct step {
  const struct step *up;
  const void *table;       /* that the key belongs to */
  struct trail_slice name; /* of a member; bytes is NULL for an element */
  lua_Integer index;
};

struct check {
  lua_State *L;
  const struct trail_json_abilities *able;
  size_t size; /* that the text will have at least */
  bool needs_copy;
};

bool trail_json_value_is_marked(lua_State *L, int index, const struct trail_json_abilities *able) {
  if (!lua_getmetatable(L, index)) return false;
  const void *metatable = lua_topointer(L, -1);
  lua_pop(L, 1);
  return metatable == able->array_mt || metatable == able->empty_array_mt;
}

/* -- Where ------------------------------------------------------------------------------------- */

enum { PATH_SHOWN = 160, NAME_SHOWN = 40 };

struct path {
  char text[PATH_SHOWN + sizeof "..."];
  size_t size;
  bool cut;
};

static void path_add(struct path *path, const char *bytes, size_t size) {
  size_t room = PATH_SHOWN - path->size;
  if (size > room) path->cut = true;
  if (path->cut) return;
  memcpy(path->text + path->size, bytes, size);
  path->size += size;
}

static bool is_identifier(struct trail_slice name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = trail_slice_lower(name.bytes[i]);
    if (!((c >= 'a' && c <= 'z') || c == '_' || (i && c >= '0' && c <= '9'))) return false;
  }
  return name.size && name.size <= NAME_SHOWN;
}

static void path_add_quoted(struct path *path, struct trail_slice name) {
  bool cut = name.size > NAME_SHOWN;
  if (cut) name.size = trail_json_text_utf8(trail_slice_of(name.bytes, NAME_SHOWN));
  path_add(path, "[\"", 2);
  for (size_t i = 0; i < name.size; i++) {
    char escaped[8];
    unsigned char c = (unsigned char)name.bytes[i];
    if (c >= ' ' && c != 0x7f && c != '"' && c != '\\') {
      path_add(path, name.bytes + i, 1);
    } else {
      path_add(path, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\x%02x", c));
    }
  }
  if (cut) path_add(path, "...", 3);
  path_add(path, "\"]", 2);
}

static void path_add_step(struct path *path, const struct step *step) {
  char index[32];
  if (!step->name.bytes) {
    int size = snprintf(index, sizeof index, "[%lld]", (long long)step->index);
    path_add(path, index, (size_t)size);
  } else if (is_identifier(step->name)) {
    if (path->size) path_add(path, ".", 1);
    path_add(path, step->name.bytes, step->name.size);
  } else {
    path_add_quoted(path, step->name);
  }
}

static void path_add_steps(struct path *path, const struct step *step) {
  if (step->up) path_add_steps(path, step->up);
  path_add_step(path, step);
}

static void path_write(struct path *path, const struct step *step) {
  *path = (struct path){.size = 0};
  path_add_steps(path, step);
  memcpy(path->text + path->size, path->cut ? "..." : "", path->cut ? 4 : 1);
}

/* Pushes the message about the value at that step. False, for the caller to return. */
__attribute__((format(printf, 3, 4))) static bool
refuse(struct check *check, const struct step *step, const char *format, ...) {
  struct path path;
  va_list arguments;
  if (step) path_write(&path, step);
  luaL_checkstack(check->L, 4, NULL);
  lua_pushstring(check->L, step ? path.text : "the value");
  lua_pushliteral(check->L, " ");
  va_start(arguments, format);
  lua_pushvfstring(check->L, format, arguments);
  va_end(arguments);
  lua_concat(check->L, 3);
  return false;
}

/* -- What -------------------------------------------------------------------------------------- */

static bool grow(struct check *check, const struct step *step, size_t size) {
  check->size += size;
  return check->size <= TRAIL_JSON_ENCODE_MAX ||
         refuse(check, step, "is where the text passes %d MiB: send it in parts",
                (int)(TRAIL_JSON_ENCODE_MAX >> 20));
}

static bool check_string(struct check *check, const struct step *at) {
  struct trail_slice string;
  string.bytes = lua_tolstring(check->L, -1, &string.size);
  size_t valid = trail_json_text_utf8(string);
  if (valid == string.size) return grow(check, at, string.size + 3);
  return refuse(check, at,
                "is a string that is not UTF-8 at its byte %d: send binary data as base64",
                (int)(valid + 1));
}

static bool check_float(struct check *check, const struct step *at) {
  double value = (double)lua_tonumber(check->L, -1);
  if (isnan(value)) {
    return refuse(check, at, "is not a number (NaN), which JSON cannot say: send trailmark.null");
  }
  if (isinf(value)) {
    return refuse(check, at, "is infinite, which JSON cannot say: send trailmark.null");
  }
  if (!trail_json_number_is_short(value, check->able->limit)) check->needs_copy = true;
  return grow(check, at, 2);
}

static bool check_number(struct check *check, const struct step *at) {
  if (!lua_isinteger(check->L, -1)) return check_float(check, at);
  double value = (double)lua_tointeger(check->L, -1);
  if (!check->able->encodes_integers && fabs(value) >= check->able->limit) check->needs_copy = true;
  return grow(check, at, 2);
}

static bool check_userdata(struct check *check, const struct step *at) {
  const void *pointer = lua_touserdata(check->L, -1);
  if (!pointer || pointer == check->able->empty_array) return grow(check, at, 2);
  return refuse(check, at, "is a userdata, which JSON cannot say: send a string or trailmark.null");
}

static bool check_other(struct check *check, const struct step *at) {
  const char *type = luaL_typename(check->L, -1);
  if (lua_isnil(check->L, -1)) return refuse(check, at, "is nil: send trailmark.null");
  if (strcmp(type, "cdata") == 0) {
    return refuse(check, at, "is a cdata, which JSON cannot say: use tonumber() or tostring()");
  }
  return refuse(check, at, "is a %s, which JSON cannot say: leave it out or send a string", type);
}

/* -- Tables ------------------------------------------------------------------------------------ */

struct shape {
  lua_Integer elements;
  lua_Integer last;        /* the highest index */
  struct trail_slice name; /* some member's; bytes is NULL where all are elements */
};

static bool check_table(struct check *check, const struct step *at, int depth);

/* The value on top, with `depth` tables around it. */
static bool check_value(struct check *check, const struct step *at, int depth) {
  switch (lua_type(check->L, -1)) {
    case LUA_TSTRING:
      return check_string(check, at);
    case LUA_TNUMBER:
      return check_number(check, at);
    case LUA_TBOOLEAN:
      return grow(check, at, 5);
    case LUA_TTABLE:
      return check_table(check, at, depth);
    case LUA_TLIGHTUSERDATA:
      return check_userdata(check, at);
    default:
      return check_other(check, at);
  }
}

static bool check_name(struct check *check, struct step *step, struct shape *shape) {
  struct trail_slice *name = &step->name;
  name->bytes = lua_tolstring(check->L, -2, &name->size);
  shape->name = *name;
  size_t valid = trail_json_text_utf8(*name);
  if (valid == name->size) return grow(check, step, name->size + 3);
  return refuse(check, step->up, "has a name that is not UTF-8 at its byte %d", (int)(valid + 1));
}

static bool check_index(struct check *check, struct step *step, struct shape *shape) {
  lua_Number index = lua_tonumber(check->L, -2);
  step->name = trail_slice_of(NULL, 0);
  step->index = lua_tointeger(check->L, -2);
  if (index < 1 || (lua_Number)step->index != index) {
    return refuse(check, step->up,
                  "has the key %s: elements are numbered from 1, names are strings (tostring)",
                  (lua_pushvalue(check->L, -2), lua_tostring(check->L, -1)));
  }
  shape->elements++;
  if (step->index > shape->last) shape->last = step->index;
  return true;
}

/* The key below the top. */
static bool check_key(struct check *check, struct step *step, struct shape *shape) {
  int type = lua_type(check->L, -2);
  if (type == LUA_TSTRING) return check_name(check, step, shape);
  if (type == LUA_TNUMBER) return check_index(check, step, shape);
  return refuse(check, step->up, "has a key that is a %s: names are strings",
                lua_typename(check->L, type));
}

static bool check_shape(struct check *check, const struct step *at, const struct shape *shape,
                        bool marked) {
  if (shape->name.bytes && (shape->elements || marked)) {
    struct step named = {.up = NULL, .name = shape->name};
    struct path path;
    path_write(&path, &named);
    return refuse(check, at,
                  marked ? "is marked as an array but has the name %s: drop one of the two"
                         : "has elements and the name %s, and JSON has no such mixture: "
                           "send an array or an object",
                  path.text);
  }
  if (shape->elements == shape->last) return true;
  lua_pushinteger(check->L, shape->last);
  return refuse(
      check, at,
      "is an array that lacks elements (it has %d of %s): use trailmark.null for a missing "
      "element, or strings as keys for an object",
      (int)shape->elements, lua_tostring(check->L, -1));
}

static bool check_nesting(struct check *check, const struct step *at, const void *table,
                          int depth) {
  for (const struct step *step = at; step; step = step->up) {
    if (step->table == table) {
      return refuse(check, at, "is a table that contains itself, a cycle: send an id in its place");
    }
  }
  return depth < TRAIL_JSON_TEXT_DEPTH ||
         refuse(check, at, "lies deeper than %d tables", TRAIL_JSON_TEXT_DEPTH);
}

static bool check_members(struct check *check, struct step *step, struct shape *shape, int depth) {
  lua_State *L = check->L;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (!check_key(check, step, shape) || !check_value(check, step, depth + 1)) return false;
    lua_pop(L, 1);
  }
  return true;
}

/* What a metatable means for the table on top: whether it is the mark, and whether cjson would need
 * a copy. */
static bool check_mark(struct check *check) {
  lua_State *L = check->L;
  if (!lua_getmetatable(L, -1)) return false;
  const void *metatable = lua_topointer(L, -1);
  lua_pop(L, 1);
  const struct trail_json_abilities *able = check->able;
  if (metatable == able->array_mt || metatable == able->empty_array_mt) return true;
  if (able->calls_metamethods) check->needs_copy = true;
  return false;
}

static bool check_table(struct check *check, const struct step *at, int depth) {
  struct step step = {.up = at, .table = lua_topointer(check->L, -1)};
  struct shape shape = {0};
  if (!check_nesting(check, at, step.table, depth)) return false;
  luaL_checkstack(check->L, 8, "a value to be sent is nested deeply");
  bool marked = check_mark(check);
  if (!grow(check, at, 2) || !check_members(check, &step, &shape, depth)) return false;
  if (marked && !shape.last && !check->able->says_arrays) check->needs_copy = true;
  return check_shape(check, at, &shape, marked);
}

bool trail_json_value_check(lua_State *L, const struct trail_json_abilities *able,
                            bool *needs_copy) {
  struct check check = {.L = L, .able = able};
  if (!check_value(&check, NULL, 0)) return false;
  *needs_copy = check.needs_copy;
  return true;
}

/* -- The copy ---------------------------------------------------------------------------------- */

static void push_marked_number(lua_State *L, const char *text, size_t size) {
  char marked[TRAIL_JSON_NUMBER_SIZE + 1] = {TRAIL_JSON_TEXT_MARK};
  memcpy(marked + 1, text, size);
  lua_pushlstring(L, marked, size + 1);
}

static void push_number(lua_State *L, const struct trail_json_abilities *able) {
  char text[TRAIL_JSON_NUMBER_SIZE];
  if (lua_isinteger(L, -1)) {
    if (able->encodes_integers) {
      lua_pushvalue(L, -1);
    } else {
      push_marked_number(L, text, trail_json_number_print_integer(lua_tointeger(L, -1), text));
    }
  } else if (trail_json_number_is_short((double)lua_tonumber(L, -1), able->limit)) {
    lua_pushvalue(L, -1);
  } else {
    push_marked_number(L, text, trail_json_number_print((double)lua_tonumber(L, -1), text));
  }
}

static void push_string(lua_State *L) {
  if (*lua_tostring(L, -1) == TRAIL_JSON_TEXT_MARK) {
    lua_pushlstring(L, "~", 1);
    lua_pushvalue(L, -2);
    lua_concat(L, 2);
  } else {
    lua_pushvalue(L, -1);
  }
}

static bool is_empty(lua_State *L) {
  lua_pushnil(L);
  if (!lua_next(L, -2)) return true;
  lua_pop(L, 2);
  return false;
}

static void push_table(lua_State *L, const struct trail_json_abilities *able) {
  luaL_checkstack(L, 8, "a value to be sent is nested deeply");
  if (trail_json_value_is_marked(L, -1, able) && is_empty(L)) {
    lua_pushliteral(L, "~[]");
    return;
  }
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, -3)) { /* the table, its copy, a key, its value */
    trail_json_value_push_copy(L, able);
    lua_pushvalue(L, -3);
    lua_insert(L, -2);
    lua_rawset(L, -5);
    lua_pop(L, 1);
  }
}

void trail_json_value_push_copy(lua_State *L, const struct trail_json_abilities *able) {
  switch (lua_type(L, -1)) {
    case LUA_TNUMBER:
      push_number(L, able);
      break;
    case LUA_TSTRING:
      push_string(L);
      break;
    case LUA_TTABLE:
      push_table(L, able);
      break;
    default:
      lua_pushvalue(L, -1);
  }
}
