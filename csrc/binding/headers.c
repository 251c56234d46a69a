#include "binding/headers.h"

#include <stdint.h>
#include <string.h>

enum { KEPT_LINES = 32, KEPT_BYTES = 2048 };

struct line {
  uint16_t at, size; /* a size of 0: nothing is kept of it */
  uint16_t mark;
};

/* The latest answer's lines. A table beside it has the name and the value of the line i at 2i + 1
 * and 2i + 2. */
struct kept {
  struct line lines[KEPT_LINES];
  char bytes[KEPT_BYTES];
};

/* One walk over an answer's lines. */
struct walk {
  const struct trail_head *head;
  size_t cursor;
  int headers, strings; /* on the stack */
  struct kept *kept;    /* NULL: nothing is */
  bool changed;         /* from what is kept */
  uint64_t seen;        /* marks of names, few bits, which names that differ may share */
  struct line lines[KEPT_LINES];
};

static const char place_of_kept; /* in the registry: the table, with the userdata at 0 */

/* ---- strings --------------------------------------------------------------------------------- */

/* Returns the name's mark. */
static unsigned push_lower(lua_State *L, struct trail_slice name) {
  char lower[128];
  unsigned mark = (unsigned)name.size;
  if (name.size > sizeof lower) name.size = sizeof lower;
  for (size_t i = 0; i < name.size; i++) {
    lower[i] = trail_slice_lower(name.bytes[i]);
    mark = mark * 5 + (unsigned char)lower[i];
  }
  lua_pushlstring(L, lower, name.size);
  return mark % 64;
}

/* A folded value is joined by one space, as RFC 9112 section 5.2 tells a user agent. */
static void push_value(lua_State *L, const struct trail_head_field *field) {
  if (!field->folded) {
    lua_pushlstring(L, field->value.bytes, field->value.size);
    return;
  }
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (size_t i = 0; i < field->value.size; i++) {
    char c = field->value.bytes[i];
    bool gap = c == '\n';
    while (gap && i + 1 < field->value.size &&
           (field->value.bytes[i + 1] == ' ' || field->value.bytes[i + 1] == '\t'))
      i++;
    luaL_addchar(&text, gap ? ' ' : c);
  }
  luaL_pushresult(&text);
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* Cookies cannot be joined by commas (RFC 6265, section 3), so they make an array. */
static void add_cookie(lua_State *L, int headers, const struct trail_head_field *field) {
  lua_getfield(L, headers, "set-cookie");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, headers, "set-cookie");
  }
  push_value(L, field);
  lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

/* The name and the value on top. The table is asked for an earlier value only where the mark of
 * `seen` says that there may be one. */
static void add(lua_State *L, struct walk *walk, unsigned mark) {
  uint64_t bit = UINT64_C(1) << mark;
  if (walk->seen & bit) {
    lua_pushvalue(L, -2);
    lua_rawget(L, walk->headers);
    bool repeated = !lua_isnil(L, -1);
    lua_insert(L, -2);
    if (repeated) {
      lua_pushliteral(L, ", ");
      lua_insert(L, -2);
      lua_concat(L, 3);
    } else {
      lua_remove(L, -2);
    }
  }
  lua_rawset(L, walk->headers);
  walk->seen |= bit;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The line at the cursor if it is the kept one of that place, and no other continues it. */
static bool add_kept(lua_State *L, struct walk *walk, unsigned place) {
  const struct trail_buffer *fields = &walk->head->fields;
  const struct line *line = &walk->kept->lines[place];
  size_t end = walk->cursor + line->size;
  if (!line->size || end >= fields->size || fields->bytes[end] != '\n') return false;
  if (memcmp(walk->kept->bytes + line->at, fields->bytes + walk->cursor, line->size) != 0)
    return false;
  if (end + 1 < fields->size && is_blank(fields->bytes[end + 1])) return false;
  lua_rawgeti(L, walk->strings, (int)place * 2 + 1);
  lua_rawgeti(L, walk->strings, (int)place * 2 + 2);
  add(L, walk, line->mark);
  walk->lines[place] = *line;
  walk->lines[place].at = (uint16_t)walk->cursor;
  walk->cursor = end + 1;
  return true;
}

/* The name and the value on top. The old line's strings are forgotten first: memory may run out
 * before the new line is known. */
static void keep(lua_State *L, struct walk *walk, unsigned place, size_t size, unsigned mark) {
  walk->kept->lines[place].size = 0;
  lua_pushvalue(L, -2);
  lua_rawseti(L, walk->strings, (int)place * 2 + 1);
  lua_pushvalue(L, -1);
  lua_rawseti(L, walk->strings, (int)place * 2 + 2);
  walk->lines[place] = (struct line){0, (uint16_t)size, (uint16_t)mark};
}

static bool add_new(lua_State *L, struct walk *walk, unsigned place) {
  struct trail_head_field field;
  size_t at = walk->cursor;
  if (!trail_head_next(walk->head, &walk->cursor, &field)) return false;
  walk->changed = true;
  if (trail_slice_same_nocase(field.name, trail_slice_text("set-cookie"))) {
    add_cookie(L, walk->headers, &field);
    return true;
  }
  unsigned mark = push_lower(L, field.name);
  push_value(L, &field);
  if (walk->kept && place < KEPT_LINES && !field.folded) {
    keep(L, walk, place, walk->cursor - 1 - at, mark);
    walk->lines[place].at = (uint16_t)at;
  }
  add(L, walk, mark);
  return true;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Pushes the strings. */
static struct kept *find_kept(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&place_of_kept);
  lua_rawget(L, LUA_REGISTRYINDEX);
  lua_rawgeti(L, -1, 0);
  struct kept *kept = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return kept;
}

void trail_headers_push(lua_State *L, const struct trail_head *head, bool secret) {
  bool keeps = !secret && head->fields.size <= KEPT_BYTES;
  struct walk walk = {.head = head, .strings = lua_gettop(L) + 1};
  struct kept *kept = find_kept(L);
  walk.kept = keeps ? kept : NULL;
  lua_createtable(L, 0, (int)head->lines);
  walk.headers = walk.strings + 1;
  for (unsigned place = 0;; place++) {
    if (walk.kept && place < KEPT_LINES && add_kept(L, &walk, place)) continue;
    if (!add_new(L, &walk, place)) break;
  }
  if (walk.kept && walk.changed) {
    memcpy(walk.kept->bytes, trail_buffer_text(&head->fields), head->fields.size);
    memcpy(walk.kept->lines, walk.lines, sizeof walk.lines);
  }
  lua_remove(L, walk.strings);
}

void trail_headers_register(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&place_of_kept);
  lua_createtable(L, 2 * KEPT_LINES, 1);
  struct kept *kept = lua_newuserdata(L, sizeof *kept);
  memset(kept, 0, sizeof *kept);
  lua_rawseti(L, -2, 0);
  lua_rawset(L, LUA_REGISTRYINDEX);
}
