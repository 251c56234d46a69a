#include "policy/method.h"

#include "guard.h"

/* describe(name) -> { name=, safe=, idempotent=, body= } | nil */
static int describe(lua_State *L) {
  enum trail_method method;
  if (!trail_method_from_name(trail_guard_slice(L, 1), &method)) {
    lua_pushnil(L);
    return 1;
  }
  lua_newtable(L);
  lua_pushstring(L, trail_method_name(method));
  lua_setfield(L, -2, "name");
  lua_pushboolean(L, trail_method_is_safe(method));
  lua_setfield(L, -2, "safe");
  lua_pushboolean(L, trail_method_is_idempotent(method));
  lua_setfield(L, -2, "idempotent");
  lua_pushboolean(L, trail_method_has_body(method));
  lua_setfield(L, -2, "body");
  return 1;
}

const luaL_Reg trail_testing_method[] = {
    {"describe", describe},
    {NULL, NULL},
};
