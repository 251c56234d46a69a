#include "policy/json_number.h"

#include "guard.h"

#include <locale.h>
#include <stdlib.h>

/* is_big(number) -> boolean */
static int is_big(lua_State *L) {
  lua_pushboolean(L, trail_json_number_is_big(trail_guard_slice(L, 1)));
  return 1;
}

/* integer(number) -> its 64-bit value, printed again | nil */
static int integer(lua_State *L) {
  int64_t value;
  char text[TRAIL_JSON_NUMBER_SIZE];
  if (!trail_json_number_integer(trail_guard_slice(L, 1), &value)) return 0;
  lua_pushlstring(L, text, trail_json_number_print_integer(value, text));
  return 1;
}

/* is_short(number, digits) -> boolean */
static int is_short(lua_State *L) {
  double limit = 1;
  for (lua_Integer digits = luaL_checkinteger(L, 2); digits > 0; digits--) limit *= 10;
  lua_pushboolean(L, trail_json_number_is_short((double)luaL_checknumber(L, 1), limit));
  return 1;
}

/* print(number) -> text */
static int print(lua_State *L) {
  char text[TRAIL_JSON_NUMBER_SIZE];
  lua_pushlstring(L, text, trail_json_number_print((double)luaL_checknumber(L, 1), text));
  return 1;
}

/* print_in(folder, locale, number) -> text | nil where the folder has no such locale */
static int print_in(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  double number = (double)luaL_checknumber(L, 3);
  char text[TRAIL_JSON_NUMBER_SIZE];
  setenv("LOCPATH", luaL_checkstring(L, 1), 1);
  locale_t locale = newlocale(LC_NUMERIC_MASK, name, (locale_t)0);
  unsetenv("LOCPATH");
  if (!locale) return 0;
  locale_t before = uselocale(locale);
  size_t size = trail_json_number_print(number, text);
  uselocale(before);
  freelocale(locale);
  lua_pushlstring(L, text, size);
  return 1;
}

const luaL_Reg trail_testing_json_number[] = {
    {"is_big", is_big}, {"integer", integer},   {"is_short", is_short},
    {"print", print},   {"print_in", print_in}, {NULL, NULL},
};
