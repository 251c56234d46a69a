/* luaopen_trailmark_core: what the Lua layer builds on. It does no I/O and starts nothing. */
#include "base/version.h"
#include "binding/call.h"
#include "binding/client.h"
#include "binding/compat.h"
#include "binding/json.h"
#include "binding/state.h"
#include "net/library.h"

__attribute__((visibility("default"))) int luaopen_trailmark_core(lua_State *L);

static int libcurl(lua_State *L) {
  lua_pushstring(L, trail_library_version());
  return 1;
}

int luaopen_trailmark_core(lua_State *L) {
  trail_state_register(L);
  lua_newtable(L);
  lua_pushliteral(L, TRAIL_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushcfunction(L, libcurl);
  lua_setfield(L, -2, "libcurl");
  trail_client_register(L);
  trail_call_register(L);
  trail_json_register(L);
  return 1;
}
