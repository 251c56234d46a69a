#include "base/clock.h"

#include "testing.h"

/* boot_us() -> microseconds on the clock that waits are measured by */
static int boot_us(lua_State *L) {
  lua_pushnumber(L, (lua_Number)trail_clock_boot_us());
  return 1;
}

/* wall_ms() -> Unix time in milliseconds */
static int wall_ms(lua_State *L) {
  lua_pushnumber(L, (lua_Number)trail_clock_wall_ms());
  return 1;
}

const luaL_Reg trail_testing_clock[] = {
    {"boot_us", boot_us},
    {"wall_ms", wall_ms},
    {NULL, NULL},
};
