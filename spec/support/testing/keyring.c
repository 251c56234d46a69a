/* Keys, key files and keyrings, moved by hand: times are microseconds since a beginning of the
 * spec's own. */
#include "engine/keyring.h"

#include "binding/compat.h"
#include "testing.h"

#define KEY "trailmark.testing.key"
#define KEYRING "trailmark.testing.keyring"
#define LINE "trailmark.testing.keyring.line"

/* A key, and the file it was read from, if any. */
struct key_handle {
  struct trail_key key;
  struct trail_key_file file;
};

struct line_handle {
  struct trail_secret *line;
};

static const char *const verdicts[] = {"give_up", "ask_first", "retry", "ask", "ask_fallback"};

static struct key_handle *check_key(lua_State *L) { return luaL_checkudata(L, 1, KEY); }

static struct trail_keyring *check_ring(lua_State *L) { return luaL_checkudata(L, 1, KEYRING); }

static int64_t check_time(lua_State *L, int arg) { return (int64_t)luaL_checknumber(L, arg); }

static struct trail_slice check_bytes(lua_State *L, int arg) {
  struct trail_slice bytes;
  bytes.bytes = luaL_checklstring(L, arg, &bytes.size);
  return bytes;
}

/* -> status, what is wrong */
static int push_status(lua_State *L, enum trail_status status,
                       const struct trail_key_fault *fault) {
  lua_pushstring(L, trail_status_name(status));
  if (status == TRAIL_OK) return 1;
  lua_pushstring(L, fault->text);
  return 2;
}

static void push_slice(lua_State *L, struct trail_slice text) {
  lua_pushlstring(L, text.bytes, text.size);
}

/* { line=, key=, last4=, prefixed= }, or nil */
static void push_key(lua_State *L, const struct trail_key *key) {
  if (!key->line) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, 4);
  lua_pushlstring(L, trail_secret_bytes(key->line), trail_secret_size(key->line));
  lua_setfield(L, -2, "line");
  push_slice(L, trail_key_of(key->line));
  lua_setfield(L, -2, "key");
  lua_pushstring(L, key->last4);
  lua_setfield(L, -2, "last4");
  lua_pushboolean(L, key->prefixed);
  lua_setfield(L, -2, "prefixed");
}

/* ---- a key ----------------------------------------------------------------------------------- */

/* key:adopt(text, source, name | nil) -> status, fault */
static int adopt(lua_State *L) {
  struct trail_key_fault fault = {""};
  enum trail_status status =
      trail_key_adopt(&check_key(L)->key, check_bytes(L, 2), luaL_checkstring(L, 3),
                      luaL_optstring(L, 4, NULL), &fault);
  return push_status(L, status, &fault);
}

/* key:read(path) -> status, fault */
static int read_file(lua_State *L) {
  struct key_handle *handle = check_key(L);
  struct trail_key_fault fault = {""};
  enum trail_status status =
      trail_key_file_read(&handle->file, luaL_checkstring(L, 2), &handle->key, &fault);
  return push_status(L, status, &fault);
}

/* key:has_changed(path): the file, since it was read */
static int has_changed(lua_State *L) {
  lua_pushboolean(L, trail_key_file_has_changed(&check_key(L)->file, luaL_checkstring(L, 2)));
  return 1;
}

static int look_at_key(lua_State *L) {
  push_key(L, &check_key(L)->key);
  return 1;
}

/* key:identity() -> a value that stays the same while the line does */
static int identity(lua_State *L) {
  lua_pushlightuserdata(L, check_key(L)->key.line);
  return 1;
}

static int clear_key(lua_State *L) {
  trail_key_clear(&check_key(L)->key);
  return 0;
}

/* key() -> none yet */
static int new_key(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"adopt", adopt},      {"read", read_file},    {"has_changed", has_changed},
      {"look", look_at_key}, {"identity", identity}, {"clear", clear_key},
      {NULL, NULL},
  };
  trail_compat_metatable(L, KEY, methods, clear_key);
  struct key_handle *handle = lua_newuserdata(L, sizeof *handle);
  *handle = (struct key_handle){0};
  luaL_getmetatable(L, KEY);
  lua_setmetatable(L, -2);
  return 1;
}

/* ---- a keyring ------------------------------------------------------------------------------- */

/* ring:set(key, "option" | "function") -> status, fault */
static int set(lua_State *L) {
  static const char *const sources[] = {"option", "function", NULL};
  struct trail_keyring *ring = check_ring(L);
  struct trail_key_fault fault = {""};
  bool function = luaL_checkoption(L, 3, "option", sources) == 1;
  enum trail_status status = trail_keyring_set(
      ring, function ? TRAIL_KEY_FUNCTION : TRAIL_KEY_OPTION, check_bytes(L, 2), &fault);
  return push_status(L, status, &fault);
}

static int use_environment(lua_State *L) {
  struct trail_key_fault fault = {""};
  return push_status(
      L, trail_keyring_use_environment(check_ring(L), luaL_checkstring(L, 2), &fault), &fault);
}

/* ring:use_file(path, now) -> status, fault */
static int use_file(lua_State *L) {
  struct trail_key_fault fault = {""};
  enum trail_status status =
      trail_keyring_use_file(check_ring(L), luaL_checkstring(L, 2), check_time(L, 3), &fault);
  return push_status(L, status, &fault);
}

static int set_fallback(lua_State *L) {
  struct trail_key_fault fault = {""};
  return push_status(L, trail_keyring_set_fallback(check_ring(L), check_bytes(L, 2), &fault),
                     &fault);
}

/* ring:fallback_asks(): fallback_key is a function */
static int fallback_asks(lua_State *L) {
  check_ring(L)->fallback_asks = true;
  return 0;
}

/* ring:authorization(now) -> line, key | nil; the line is what the rest takes */
static int authorization(lua_State *L) {
  struct trail_secret *line = trail_keyring_authorization(check_ring(L), check_time(L, 2));
  if (!line) return 0;
  struct line_handle *handle = lua_newuserdata(L, sizeof *handle);
  handle->line = trail_secret_retain(line);
  luaL_getmetatable(L, LINE);
  lua_setmetatable(L, -2);
  push_slice(L, trail_key_of(line));
  return 2;
}

static struct trail_secret *check_line(lua_State *L) {
  struct line_handle *handle = luaL_checkudata(L, 2, LINE);
  return handle->line;
}

/* ring:rejected(line, now) -> verdict */
static int rejected(lua_State *L) {
  struct trail_keyring *ring = check_ring(L);
  lua_pushstring(L, verdicts[trail_keyring_rejected(ring, check_line(L), check_time(L, 3))]);
  return 1;
}

/* ring:accepted(line) */
static int accepted(lua_State *L) {
  trail_keyring_accepted(check_ring(L), check_line(L));
  return 0;
}

/* ring:look() -> { current=, other=, source=, name=, swapped=, unproven= } */
static int look_at_ring(lua_State *L) {
  const struct trail_keyring *ring = check_ring(L);
  lua_createtable(L, 0, 6);
  push_key(L, &ring->current);
  lua_setfield(L, -2, "current");
  push_key(L, &ring->other);
  lua_setfield(L, -2, "other");
  lua_pushstring(L, trail_keyring_source_name(ring->source));
  lua_setfield(L, -2, "source");
  lua_pushstring(L, ring->name);
  lua_setfield(L, -2, "name");
  lua_pushboolean(L, ring->swapped);
  lua_setfield(L, -2, "swapped");
  lua_pushboolean(L, ring->unproven);
  lua_setfield(L, -2, "unproven");
  return 1;
}

static int clear_ring(lua_State *L) {
  trail_keyring_clear(check_ring(L));
  return 0;
}

static int release_line(lua_State *L) {
  struct line_handle *handle = luaL_checkudata(L, 1, LINE);
  trail_secret_release(handle->line);
  handle->line = NULL;
  return 0;
}

/* new() -> a keyring without keys */
static int new_ring(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"set", set},
      {"use_environment", use_environment},
      {"use_file", use_file},
      {"set_fallback", set_fallback},
      {"fallback_asks", fallback_asks},
      {"authorization", authorization},
      {"rejected", rejected},
      {"accepted", accepted},
      {"look", look_at_ring},
      {"clear", clear_ring},
      {NULL, NULL},
  };
  static const luaL_Reg no_methods[] = {{NULL, NULL}};
  trail_compat_metatable(L, KEYRING, methods, clear_ring);
  trail_compat_metatable(L, LINE, no_methods, release_line);
  struct trail_keyring *ring = lua_newuserdata(L, sizeof *ring);
  *ring = (struct trail_keyring){0};
  luaL_getmetatable(L, KEYRING);
  lua_setmetatable(L, -2);
  return 1;
}

/* source_name(number) -> text */
static int source_name(lua_State *L) {
  int number = (int)luaL_checkinteger(L, 1);
  lua_pushstring(L, trail_keyring_source_name((enum trail_key_source)number));
  return 1;
}

const luaL_Reg trail_testing_keyring[] = {
    {"key", new_key}, {"new", new_ring}, {"source_name", source_name}, {NULL, NULL},
};
