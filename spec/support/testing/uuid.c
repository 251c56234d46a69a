#include "policy/uuid.h"

#include "guard.h"

/* format(16 bytes) -> text */
static int format(lua_State *L) {
  char text[TRAIL_UUID_TEXT + 1];
  struct trail_slice random = trail_guard_slice(L, 1);
  luaL_argcheck(L, random.size == 16, 1, "16 bytes are needed");
  trail_uuid_format((const unsigned char *)random.bytes, text);
  lua_pushstring(L, text);
  return 1;
}

const luaL_Reg trail_testing_uuid[] = {
    {"format", format},
    {NULL, NULL},
};
