#include "binding/json.h"

#include "binding/compat.h"
#include "binding/json_value.h"
#include "policy/json_mark.h"
#include "policy/json_number.h"
#include "policy/json_order.h"
#include "policy/json_text.h"

#include <locale.h>
#include <math.h>

/* A longer text makes cjson's buffer worth giving back. */
#define KEEP_MAX ((size_t)32 << 10)

/* The upvalues of every function here. Anchoring array_mt keeps the pointers in the abilities true.
 */
enum { ABILITIES = 1, DECODE, ENCODE, TRIM, ARRAY_MT, RENEW, UPVALUES = RENEW };

static struct trail_json_abilities *abilities(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(ABILITIES));
}

static int fail(lua_State *L) {
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* cjson asks the locale for its decimal point only when an instance is made. One made under another
 * locale would read no fraction and write 1.5 as two elements. */
static void follow_locale(lua_State *L) {
  struct trail_json_abilities *able = abilities(L);
  char point = *localeconv()->decimal_point;
  if (point == able->point) return;
  lua_pushvalue(L, lua_upvalueindex(RENEW));
  lua_call(L, 0, 0);
  able->point = point;
}

/* Calls cjson's function with the value on top and leaves its result, or a message, in its place.
 * Nothing that passed our own checks makes cjson throw, but its limits are not ours; memory errors
 * go on to the caller. */
static bool call_cjson(lua_State *L, int function) {
  follow_locale(L);
  lua_pushvalue(L, lua_upvalueindex(function));
  lua_insert(L, -2);
  int status = lua_pcall(L, 1, 1, 0);
  if (status == LUA_OK) return true;
  if (status != LUA_ERRRUN) lua_error(L);
  lua_pushliteral(L, "lua-cjson: ");
  lua_insert(L, -2);
  lua_concat(L, 2);
  return false;
}

/* -- Decoding: what cjson gave, made right ----------------------------------------------------- */

struct settle {
  lua_State *L;
  bool marked;   /* the text was marked */
  bool infinite; /* a number was beyond the range of a double */
};

static bool settle_number(struct settle *settle) {
  lua_State *L = settle->L;
  if (lua_isinteger(L, -1)) return false;
  lua_Number value = lua_tonumber(L, -1);
  if (isinf(value)) settle->infinite = true;
#if LUA_VERSION_NUM >= 503
  const lua_Number limit = (lua_Number)TRAIL_JSON_NUMBER_EXACT;
  if (value >= -limit && value <= limit && (lua_Number)(lua_Integer)value == value) {
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)value);
    return true;
  }
#endif
  return false;
}

static void push_integer(lua_State *L, struct trail_slice digits) {
#if LUA_VERSION_NUM >= 503
  int64_t value;
  if (trail_json_number_integer(digits, &value) && (lua_Integer)value == value) {
    lua_pushinteger(L, (lua_Integer)value);
    return;
  }
#endif
  lua_pushlstring(L, digits.bytes, digits.size);
}

/* A string of marked text stands for what policy/json_mark.h says. */
static bool settle_string(struct settle *settle) {
  lua_State *L = settle->L;
  struct trail_slice string;
  string.bytes = lua_tolstring(L, -1, &string.size);
  if (!settle->marked || string.size < 2 || string.bytes[0] != TRAIL_JSON_TEXT_MARK) return false;
  string = trail_slice_from(string, 1);
  if (string.bytes[0] == TRAIL_JSON_TEXT_MARK) {
    lua_pushlstring(L, string.bytes, string.size);
  } else if (string.bytes[0] == '[') {
    lua_newtable(L);
    lua_pushvalue(L, lua_upvalueindex(ARRAY_MT));
    lua_setmetatable(L, -2);
  } else {
    push_integer(L, string);
  }
  lua_replace(L, -2);
  return true;
}

static bool settle_value(struct settle *settle);

static void settle_elements(struct settle *settle, int count) {
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(settle->L, -1, i);
    if (settle_value(settle)) {
      lua_rawseti(settle->L, -2, i);
    } else {
      lua_pop(settle->L, 1);
    }
  }
}

static void settle_members(struct settle *settle) {
  lua_State *L = settle->L;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (settle_value(settle)) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    } else {
      lua_pop(L, 1);
    }
  }
}

/* The value on top; true where another took its place. Names are strings, so a table with a length
 * is an array. */
static bool settle_value(struct settle *settle) {
  switch (lua_type(settle->L, -1)) {
    case LUA_TNUMBER:
      return settle_number(settle);
    case LUA_TSTRING:
      return settle_string(settle);
    case LUA_TTABLE: {
      luaL_checkstack(settle->L, 6, "a decoded value is nested deeply");
      int count = (int)lua_rawlen(settle->L, -1);
      if (count) {
        settle_elements(settle, count);
      } else {
        settle_members(settle);
      }
      return false;
    }
    default:
      return false;
  }
}

/* -- Decoding ---------------------------------------------------------------------------------- */

/* At most one byte of the text is shown: a body may hold anything. */
static int fail_scan(lua_State *L, struct trail_slice text,
                     const struct trail_json_text_error *error) {
  int at = (int)error->at + 1;
  if (error->at == text.size) {
    lua_pushfstring(L, "not JSON: expected %s at byte %d, where the text ends", error->expected,
                    at);
    return fail(L);
  }
  unsigned char c = (unsigned char)text.bytes[error->at];
  if (c > ' ' && c < 0x7f) {
    lua_pushfstring(L, "not JSON: expected %s at byte %d, found '%c'", error->expected, at, c);
  } else {
    static const char hex[] = "0123456789abcdef";
    lua_pushfstring(L, "not JSON: expected %s at byte %d, found \\x%c%c", error->expected, at,
                    hex[c >> 4], hex[c & 15]);
  }
  return fail(L);
}

/* Pushes the text that cjson is to read: the caller's own wherever it can be. */
static void push_readable(lua_State *L, struct trail_slice text,
                          const struct trail_json_text_facts *facts) {
  if (facts->empty_arrays || facts->big_integers) {
    text = trail_slice_from(text, facts->start);
    char *marked = lua_newuserdata(L, trail_json_mark_bound(text.size, facts));
    lua_pushlstring(L, marked, trail_json_mark_apply(text, marked));
    lua_replace(L, -2);
  } else if (facts->start) {
    lua_pushlstring(L, text.bytes + facts->start, text.size - facts->start);
  } else {
    lua_pushvalue(L, 1);
  }
}

static bool needs_settling(lua_State *L, const struct trail_json_text_facts *facts) {
  if (facts->empty_arrays || facts->big_integers || facts->huge) return true;
  if (LUA_VERSION_NUM < 503) return false;
  return facts->fractions || (facts->integers && !abilities(L)->decodes_integers);
}

/* decode(text) -> value | nil, message */
static int json_decode(lua_State *L) {
  struct trail_slice text;
  struct trail_json_text_facts facts;
  struct trail_json_text_error error;
  luaL_checktype(L, 1, LUA_TSTRING);
  text.bytes = lua_tolstring(L, 1, &text.size);
  if (text.size > TRAIL_JSON_DECODE_MAX) {
    lua_pushfstring(L, "more than %d MiB of JSON", (int)(TRAIL_JSON_DECODE_MAX >> 20));
    return fail(L);
  }
  if (!trail_json_text_scan(text, &facts, &error)) return fail_scan(L, text, &error);
  push_readable(L, text, &facts);
  if (!call_cjson(L, DECODE)) return fail(L);
  if (!needs_settling(L, &facts)) return 1;

  struct settle settle = {.L = L, .marked = facts.empty_arrays || facts.big_integers};
  settle_value(&settle);
  if (!settle.infinite) return 1;
  lua_pushfstring(L, "a number beyond the range of a double, at byte %d or later",
                  (int)facts.huge_at + 1);
  return fail(L);
}

/* -- Encoding ---------------------------------------------------------------------------------- */

static void undo_marks(lua_State *L) {
  struct trail_slice text;
  text.bytes = lua_tolstring(L, -1, &text.size);
  char *plain = lua_newuserdata(L, text.size);
  lua_pushlstring(L, plain, trail_json_mark_undo(text, plain));
}

/* What is sent is the same in every process. */
static void order_members(lua_State *L) {
  struct trail_slice text;
  text.bytes = lua_tolstring(L, -1, &text.size);
  size_t count = trail_json_order_count(text);
  if (count < 2) return;
  struct trail_json_order_member *members = lua_newuserdata(L, count * sizeof *members);
  char *ordered = lua_newuserdata(L, 2 * text.size); /* and the scratch behind it */
  memcpy(ordered, text.bytes, text.size);
  trail_json_order_apply(ordered, text.size, members, ordered + text.size);
  lua_pushlstring(L, ordered, text.size);
}

/* cjson keeps the largest buffer it ever needed, and that is six times the longest string. */
static void trim(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(TRIM));
  lua_call(L, 0, 0);
}

/* encode(value) -> text | nil, message */
static int json_encode(lua_State *L) {
  const struct trail_json_abilities *able = abilities(L);
  bool needs_copy;
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (!trail_json_value_check(L, able, &needs_copy)) return fail(L);
  if (needs_copy) trail_json_value_push_copy(L, able);
  bool encoded = call_cjson(L, ENCODE);
  if (!encoded || lua_rawlen(L, -1) > KEEP_MAX) trim(L);
  if (!encoded) return fail(L);
  if (needs_copy) undo_marks(L);
  if (lua_rawlen(L, -1) <= TRAIL_JSON_ENCODE_MAX) {
    order_members(L);
    return 1;
  }
  lua_pushfstring(L, "the value is more than %d MiB as JSON: send it in parts",
                  (int)(TRAIL_JSON_ENCODE_MAX >> 20));
  return fail(L);
}

/* -- Arrays ------------------------------------------------------------------------------------ */

/* array(t) -> t, marked */
static int json_array(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (trail_json_value_is_marked(L, 1, abilities(L))) return 1;
  if (lua_getmetatable(L, 1)) {
    return luaL_argerror(L, 1, "the table has another metatable: mark a plain copy of it");
  }
  lua_pushvalue(L, lua_upvalueindex(ARRAY_MT));
  lua_setmetatable(L, 1);
  return 1;
}

/* is_array(value) -> boolean: does it carry the mark? */
static int json_is_array(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, lua_istable(L, 1) && trail_json_value_is_marked(L, 1, abilities(L)));
  return 1;
}

/* -- The codec --------------------------------------------------------------------------------- */

static bool get_flag(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

static const void *get_pointer(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const void *pointer = lua_topointer(L, -1);
  lua_pop(L, 1);
  return pointer;
}

static double get_limit(lua_State *L) {
  double limit = 1;
  lua_getfield(L, 1, "digits");
  for (lua_Integer digits = luaL_checkinteger(L, -1); digits > 0; digits--) limit *= 10;
  lua_pop(L, 1);
  return limit;
}

static void push_abilities(lua_State *L) {
  struct trail_json_abilities *able = lua_newuserdata(L, sizeof *able);
  *able = (struct trail_json_abilities){
      .array_mt = get_pointer(L, "array_mt"),
      .empty_array_mt = get_pointer(L, "empty_array_mt"),
      .empty_array = get_pointer(L, "empty_array"),
      .limit = get_limit(L),
      .point = *localeconv()->decimal_point,
      .decodes_integers = get_flag(L, "decodes_integers"),
      .encodes_integers = get_flag(L, "encodes_integers"),
      .says_arrays = get_flag(L, "says_arrays"),
      .calls_metamethods = get_flag(L, "calls_metamethods"),
  };
}

/* Pushes a function over the upvalues, which begin at stack index 2. */
static void push_function(lua_State *L, lua_CFunction function) {
  for (int i = 1; i <= UPVALUES; i++) lua_pushvalue(L, 1 + i);
  lua_pushcclosure(L, function, UPVALUES);
}

/* json_codec(options) -> decode, encode, array, is_array */
static int json_codec(lua_State *L) {
  static const char *const fields[] = {"decode", "encode", "trim", "array_mt", "renew"};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_checkstack(L, 2 * UPVALUES + 8, NULL);
  push_abilities(L);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) lua_getfield(L, 1, fields[i]);
  push_function(L, json_decode);
  push_function(L, json_encode);
  push_function(L, json_array);
  push_function(L, json_is_array);
  return 4;
}

void trail_json_register(lua_State *L) {
  lua_pushcfunction(L, json_codec);
  lua_setfield(L, -2, "json_codec");
}
