#include "net/library.h"

#include <curl/curl.h>

#include "testing.h"

/* suits{ number=, ssl=, asyncdns= } -> true | false, why: a libcurl with these */
static int suits(lua_State *L) {
  char why[128] = "";
  curl_version_info_data info = {.version = "7.x"};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "number");
  info.version_num = (unsigned)luaL_checkinteger(L, -1);
  lua_getfield(L, 1, "ssl");
  if (lua_toboolean(L, -1)) info.features |= CURL_VERSION_SSL;
  lua_getfield(L, 1, "asyncdns");
  if (lua_toboolean(L, -1)) info.features |= CURL_VERSION_ASYNCHDNS;
  lua_pushboolean(L, trail_library_suits(&info, why, sizeof why));
  lua_pushstring(L, why);
  return 2;
}

/* fault() -> "" for the one at hand */
static int fault(lua_State *L) {
  (void)!trail_library_start();
  lua_pushstring(L, trail_library_fault());
  return 1;
}

const luaL_Reg trail_testing_library[] = {
    {"suits", suits},
    {"fault", fault},
    {NULL, NULL},
};
