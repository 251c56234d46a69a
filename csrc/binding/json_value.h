/* What a Lua value must be to be sent as JSON, and the walk that finds where it is not.
 *
 * An object is a table whose keys are all strings, an array one whose keys are 1 to n or that
 * carries the array mark; an empty table without it is an object. Keys are read raw: no metamethod
 * runs. Everything else is refused with a message that names the place (`contacts[3].name`), the
 * value's type and the remedy.
 */
#ifndef TRAIL_BINDING_JSON_VALUE_H
#define TRAIL_BINDING_JSON_VALUE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* What the cjson at hand can say; found out by trying, in lua/trailmark/json.lua. */
struct trail_json_abilities {
  const void *array_mt;       /* the mark's metatable */
  const void *empty_array_mt; /* cjson's own mark for one that is empty; NULL where it has none */
  const void *empty_array;    /* the light userdata cjson writes as []; NULL where it has none */
  double limit;               /* 10^n, where it prints n digits of a double */
  char point;                 /* the decimal point of the locale it was made under */
  bool decodes_integers;      /* "14" becomes an integer, not a float */
  bool encodes_integers;      /* integers of any size are printed exactly */
  bool says_arrays;           /* an empty table with either mark is printed as [] */
  bool calls_metamethods;     /* looks through __index and __len, which no walk could foresee */
};

bool trail_json_value_is_marked(lua_State *L, int index, const struct trail_json_abilities *able);

/* Checks the value on top. True: it can be sent, and *needs_copy says whether cjson needs a copy of
 * it with marked strings. False: the message is on top, above whatever the walk left there. */
bool trail_json_value_check(lua_State *L, const struct trail_json_abilities *able,
                            bool *needs_copy);

/* Pushes a copy of the checked value on top, in which what cjson cannot say is said as in
 * policy/json_mark.h. */
void trail_json_value_push_copy(lua_State *L, const struct trail_json_abilities *able);

#endif
