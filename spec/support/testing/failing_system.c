/* What the preloaded library of ../failing_system.c is to do. */
#include "../failing_system.h"

#include "testing.h"

static struct trail_failing_system *preloaded(lua_State *L) {
  struct trail_failing_system *system = &trail_failing_system;
  if (!system) luaL_error(L, "the failing system is not preloaded");
  return system;
}

/* fill(boolean): whether the whole system is out of descriptors */
static int fill(lua_State *L) {
  preloaded(L)->full = lua_toboolean(L, 1);
  return 0;
}

/* random(boolean): whether there are random bytes */
static int has_random(lua_State *L) {
  preloaded(L)->no_random = !lua_toboolean(L, 1);
  return 0;
}

/* threads(boolean): whether one can be started */
static int has_threads(lua_State *L) {
  preloaded(L)->no_threads = !lua_toboolean(L, 1);
  return 0;
}

/* step_wall(seconds): from the true time */
static int step_wall(lua_State *L) {
  preloaded(L)->wall_step_ms = (long long)(luaL_checknumber(L, 1) * 1000);
  return 0;
}

/* slow_sockets(seconds): how long each takes to be made */
static int slow_sockets(lua_State *L) {
  preloaded(L)->slow_ms = (int)(luaL_checknumber(L, 1) * 1000);
  return 0;
}

/* making_socket() -> whether one is being made, slowly */
static int making_socket(lua_State *L) {
  lua_pushboolean(L, preloaded(L)->slow > 0);
  return 1;
}

/* late_peers(boolean): whether a peer is sent a byte, and its address is told when it has gone */
static int late_peers(lua_State *L) {
  preloaded(L)->late_peers = lua_toboolean(L, 1);
  return 0;
}

/* interrupt_allocations(count): so many reservations of a file's space are interrupted */
static int interrupt_allocations(lua_State *L) {
  preloaded(L)->interruptions = (int)luaL_checkinteger(L, 1);
  return 0;
}

const luaL_Reg trail_testing_failing_system[] = {
    {"fill", fill},
    {"random", has_random},
    {"threads", has_threads},
    {"step_wall", step_wall},
    {"slow_sockets", slow_sockets},
    {"making_socket", making_socket},
    {"late_peers", late_peers},
    {"interrupt_allocations", interrupt_allocations},
    {NULL, NULL},
};
