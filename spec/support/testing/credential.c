#include "policy/credential.h"

#include "guard.h"

/* check(given) -> key | nil, text */
static int check(lua_State *L) {
  struct trail_slice key = {NULL, 0};
  enum trail_credential verdict = trail_credential_check(trail_guard_slice(L, 1), &key);
  if (verdict == TRAIL_CREDENTIAL_OK) {
    trail_guard_push(L, key);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, trail_credential_text(verdict));
  return 2;
}

/* text(number) -> text */
static int text(lua_State *L) {
  lua_pushstring(L, trail_credential_text((enum trail_credential)luaL_checkinteger(L, 1)));
  return 1;
}

static int is_prefixed(lua_State *L) {
  lua_pushboolean(L, trail_credential_is_prefixed(trail_guard_slice(L, 1)));
  return 1;
}

const luaL_Reg trail_testing_credential[] = {
    {"check", check},
    {"text", text},
    {"is_prefixed", is_prefixed},
    {NULL, NULL},
};
