#include "binding/state.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/fork_mark.h"
#include "net/library.h"

static const char place_of_state; /* in the registry */

struct state {
  struct trail_engine *engine;
  struct trail_fork_mark mark;
  struct trail_desk *desk; /* at the worker; NULL: not needed so far */
  bool over;               /* the Lua state ends */
  bool watched;            /* a host's loop has the engine's descriptor */
  int64_t alarm_us;
  char fault[160]; /* why there is no engine */
};

/* ---- the engine's life ----------------------------------------------------------------------- */

static enum trail_status open_transport(struct state *state, struct trail_transport **out) {
  enum trail_status status = trail_curl_transport_create(out);
  if (status == TRAIL_CONFIG)
    snprintf(state->fault, sizeof state->fault, "%s", trail_library_fault());
  if (status == TRAIL_NETWORK)
    trail_descriptors_complain("epoll", state->fault, sizeof state->fault);
  return status;
}

static enum trail_status create(struct state *state) {
  struct trail_transport *transport;
  enum trail_status status = open_transport(state, &transport);
  if (status != TRAIL_OK) return status;
  status = trail_engine_create(transport, &state->engine);
  if (status == TRAIL_OK)
    trail_fork_mark_set(&state->mark);
  else
    transport->ops->destroy(transport);
  return status;
}

static enum trail_status cross(struct state *state) {
  struct trail_transport *transport;
  enum trail_status status = open_transport(state, &transport);
  if (status != TRAIL_OK) return status;
  trail_engine_replace_transport(state->engine, transport);
  trail_fork_mark_set(&state->mark);
  state->watched = false; /* the loop has the parent's */
  return TRAIL_OK;
}

static int collect(lua_State *L) {
  struct state *state = lua_touserdata(L, 1);
  /* A state that was forked ends the child's engine only: the parent's was given up before. */
  bool lost = state->engine && trail_fork_mark_crossed(&state->mark) && cross(state) != TRAIL_OK;
  if (!lost) trail_engine_destroy(state->engine); /* else it would speak in the parent's name */
  state->engine = NULL;
  trail_worker_close(state->desk);
  state->desk = NULL;
  state->over = true;
  trail_fork_mark_clear(&state->mark);
  return 0;
}

static void push_state(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&place_of_state);
  lua_rawget(L, LUA_REGISTRYINDEX);
}

void trail_state_register(lua_State *L) {
  push_state(L);
  bool there = lua_isuserdata(L, -1);
  lua_pop(L, 1);
  if (there) return;
  lua_pushlightuserdata(L, (void *)&place_of_state);
  struct state *state = lua_newuserdata(L, sizeof *state);
  *state = (struct state){.alarm_us = TRAIL_NEVER};
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

static struct state *get(lua_State *L) {
  push_state(L);
  struct state *state = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

int trail_state_raise_over(lua_State *L) {
  return luaL_error(L, "trailmark: the Lua state ends, and its clients with it");
}

int trail_state_raise_memory(lua_State *L) { return luaL_error(L, "not enough memory"); }

enum trail_status trail_state_open_engine(lua_State *L, struct trail_engine **out) {
  struct state *state = get(L);
  enum trail_status status = TRAIL_OK;
  if (state->over) trail_state_raise_over(L);
  if (!state->engine)
    status = create(state);
  else if (trail_fork_mark_crossed(&state->mark))
    status = cross(state);
  *out = state->engine;
  return status;
}

struct trail_engine *trail_state_engine(lua_State *L) {
  struct trail_engine *engine;
  enum trail_status status = trail_state_open_engine(L, &engine);
  if (status == TRAIL_NO_MEMORY) trail_state_raise_memory(L);
  if (status != TRAIL_OK) luaL_error(L, "trailmark: %s", trail_state_fault(L));
  return engine;
}

const char *trail_state_fault(lua_State *L) { return get(L)->fault; }

struct trail_engine *trail_state_peek(lua_State *L) {
  struct state *state = get(L);
  return state->engine ? trail_state_engine(L) : NULL;
}

struct trail_engine *trail_state_own(lua_State *L) {
  struct state *state = get(L);
  if (!state || !state->engine || trail_fork_mark_crossed(&state->mark)) return NULL;
  return state->engine;
}

struct trail_desk *trail_state_peek_desk(lua_State *L) {
  struct state *state = get(L);
  return state ? state->desk : NULL;
}

enum trail_status trail_state_open_desk(lua_State *L, struct trail_desk **out) {
  struct state *state = get(L);
  if (state->over) trail_state_raise_over(L);
  enum trail_status status = state->desk ? TRAIL_OK : trail_worker_open(&state->desk);
  if (status == TRAIL_OK) status = trail_worker_start();
  *out = state->desk;
  return status;
}

struct trail_desk *trail_state_desk(lua_State *L) {
  struct trail_desk *desk;
  enum trail_status status = trail_state_open_desk(L, &desk);
  if (status == TRAIL_NO_MEMORY) trail_state_raise_memory(L);
  if (status != TRAIL_OK) luaL_error(L, "trailmark: %s", trail_worker_fault());
  return desk;
}

/* ---- for a host's loop ----------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static int arm(struct state *state) {
  struct trail_transport *transport = trail_engine_transport(state->engine);
  int64_t wake_us = trail_engine_has_news(state->engine) ? 0 : trail_engine_wake_us(state->engine);
  return transport->ops->arm(transport, earlier(wake_us, state->alarm_us));
}

int trail_state_watch(lua_State *L) {
  (void)trail_state_engine(L);
  struct state *state = get(L);
  state->watched = true;
  return arm(state);
}

void trail_state_set_alarm(lua_State *L, int64_t alarm_us) { get(L)->alarm_us = alarm_us; }

void trail_state_rearm(lua_State *L) {
  struct state *state = get(L);
  if (state->watched && state->engine) (void)arm(state);
}
