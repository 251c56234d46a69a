#include "binding/state.h"

#include "base/fork_mark.h"
#include "net/library.h"

#define STATE "trailmark.core.state"

struct state {
  struct trail_engine *engine;
  struct trail_fork_mark mark;
  bool over; /* the Lua state ends */
};

static int collect(lua_State *L) {
  struct state *state = lua_touserdata(L, 1);
  /* A state that was forked ends the child's engine only: the parent's was given up before. */
  if (state->engine && trail_fork_mark_crossed(&state->mark)) (void)trail_state_peek(L);
  trail_engine_destroy(state->engine);
  state->engine = NULL;
  state->over = true;
  trail_fork_mark_clear(&state->mark);
  return 0;
}

void trail_state_register(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, STATE);
  bool there = lua_isuserdata(L, -1);
  lua_pop(L, 1);
  if (there) return;
  struct state *state = lua_newuserdata(L, sizeof *state);
  *state = (struct state){0};
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, STATE);
}

static struct state *get(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, STATE);
  struct state *state = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

int trail_state_raise_over(lua_State *L) {
  return luaL_error(L, "trailmark: the Lua state ends, and its clients with it");
}

int trail_state_raise_memory(lua_State *L) { return luaL_error(L, "not enough memory"); }

static struct trail_transport *open_transport(lua_State *L) {
  struct trail_transport *transport;
  enum trail_status status = trail_curl_transport_create(&transport);
  if (status == TRAIL_CONFIG) luaL_error(L, "trailmark: %s", trail_library_fault());
  if (status == TRAIL_NETWORK)
    luaL_error(L, "trailmark: no descriptors are left for epoll: see ulimit -n");
  if (status != TRAIL_OK) trail_state_raise_memory(L);
  return transport;
}

static void create(lua_State *L, struct state *state) {
  struct trail_transport *transport = open_transport(L);
  if (trail_engine_create(transport, &state->engine) != TRAIL_OK) {
    transport->ops->destroy(transport);
    trail_state_raise_memory(L);
  }
  trail_fork_mark_set(&state->mark);
}

static void cross(lua_State *L, struct state *state) {
  trail_engine_replace_transport(state->engine, open_transport(L));
  trail_fork_mark_set(&state->mark);
}

struct trail_engine *trail_state_engine(lua_State *L) {
  struct state *state = get(L);
  if (state->over) trail_state_raise_over(L);
  if (!state->engine)
    create(L, state);
  else if (trail_fork_mark_crossed(&state->mark))
    cross(L, state);
  return state->engine;
}

struct trail_engine *trail_state_peek(lua_State *L) {
  struct state *state = get(L);
  return state->engine ? trail_state_engine(L) : NULL;
}
