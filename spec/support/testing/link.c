#include "policy/link.h"

#include "guard.h"

/* next(header) -> "absent" | "malformed" | "found", target */
static int next_link(lua_State *L) {
  static const char *const names[] = {"absent", "found", "malformed"};
  struct trail_slice target;
  enum trail_link result = trail_link_next(trail_guard_slice(L, 1), &target);
  lua_pushstring(L, names[result]);
  if (result != TRAIL_LINK_FOUND) return 1;
  trail_guard_push(L, target);
  return 2;
}

const luaL_Reg trail_testing_link[] = {
    {"next", next_link},
    {NULL, NULL},
};
