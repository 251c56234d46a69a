/* luaopen_trailmark_core: what the Lua layer builds on. It does no I/O and starts nothing. */
#include <stdlib.h>

#include "base/version.h"
#include "binding/call.h"
#include "binding/calm.h"
#include "binding/client.h"
#include "binding/compat.h"
#include "binding/drive.h"
#include "binding/headers.h"
#include "binding/json.h"
#include "binding/link.h"
#include "binding/state.h"
#include "binding/waiter.h"
#include "engine/budgets.h"
#include "net/library.h"
#include "net/origin.h"

__attribute__((visibility("default"))) int luaopen_trailmark_core(lua_State *L);

/* has_variable(name) -> whether the environment has it, and it is not empty; its value stays where
 * it is */
static int has_variable(lua_State *L) {
  const char *value = getenv(luaL_checkstring(L, 1));
  lua_pushboolean(L, value && *value);
  return 1;
}

/* refill_retries(base_url): for test suites, whose servers fail on purpose */
static int refill_retries(lua_State *L) {
  struct trail_origin origin;
  const char *why;
  if (trail_origin_parse(luaL_checkstring(L, 1), &origin, &why) != TRAIL_OK) return 0;
  struct trail_retry_budget *budget = trail_budgets_hold(origin.text);
  if (budget) trail_retry_budget_init(budget);
  trail_budgets_release(budget);
  trail_origin_clear(&origin);
  return 0;
}

/* ca_file() -> the path of the certificates that libcurl trusts by itself, or nil */
static int ca_file(lua_State *L) {
  lua_pushstring(L, trail_library_ca_file());
  return 1;
}

int luaopen_trailmark_core(lua_State *L) {
  trail_state_register(L);
  lua_newtable(L);
  luaL_newmetatable(L, "trailmark.common"); /* the state's one, however often this is loaded */
  lua_setfield(L, -2, "common");
  lua_pushliteral(L, TRAIL_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushcfunction(L, ca_file);
  lua_setfield(L, -2, "ca_file");
  lua_pushcfunction(L, has_variable);
  lua_setfield(L, -2, "has_variable");
  lua_pushcfunction(L, refill_retries);
  lua_setfield(L, -2, "refill_retries");
  trail_client_register(L);
  trail_headers_register(L);
  trail_call_register(L);
  trail_drive_register(L);
  trail_waiter_register(L);
  trail_calm_register(L);
  trail_json_register(L);
  trail_link_register(L);
  return 1;
}
