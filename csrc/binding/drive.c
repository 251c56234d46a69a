#include "binding/drive.h"

#include "base/clock.h"
#include "binding/client.h"
#include "binding/state.h"

static int64_t until(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return TRAIL_NEVER;
  return trail_clock_boot_us() + trail_clock_microseconds(luaL_checknumber(L, index));
}

enum trail_inline_end trail_drive_wait(lua_State *L, const struct trail_call *call, int index) {
  int64_t until_us = until(L, index);
  enum trail_inline_end end = trail_inline_wait(trail_state_engine(L), call, until_us);
  trail_state_rearm(L);
  return end;
}

int trail_drive_push_end(lua_State *L, enum trail_inline_end end, enum trail_inline_end good) {
  if (end == good)
    lua_pushboolean(L, 1);
  else if (end == TRAIL_INLINE_TIME)
    lua_pushboolean(L, 0);
  else
    lua_pushnil(L);
  return 1;
}

/* now() -> seconds on the clock that waits are measured by */
static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)trail_clock_boot_us() / 1e6);
  return 1;
}

/* sleep(seconds) -> true: slept; nil: Lua has something to do, then sleep on. Calls advance
 * meanwhile. */
static int sleep_for(lua_State *L) {
  return trail_drive_push_end(L, trail_drive_wait(L, NULL, 1), TRAIL_INLINE_TIME);
}

/* wait([seconds]) -> true: announced calls are done; false: the time is over; nil: Lua has something
 * to do, then wait again */
static int wait_for_any(lua_State *L) {
  return trail_drive_push_end(L, trail_drive_wait(L, NULL, 1), TRAIL_INLINE_FINISHED);
}

/* step(): does what can be done without waiting. Where the worker drives all calls, that is nothing. */
static int step(lua_State *L) {
  struct trail_engine *engine =
      trail_state_peek_desk(L) ? trail_state_peek(L) : trail_state_engine(L);
  if (!engine) return 0;
  struct trail_transport *transport = trail_engine_transport(engine);
  trail_engine_advance_briefly(engine, trail_clock_boot_us());
  (void)transport->ops->wait(transport, 0);
  trail_engine_advance_briefly(engine, trail_clock_boot_us());
  return 0;
}

/* fd() -> a descriptor that is readable when `step` has something to do */
static int fd(lua_State *L) {
  lua_pushinteger(L, trail_state_watch(L));
  return 1;
}

/* arm([at]): after steps; `at` is when Lua wants the descriptor to be readable at the latest, on the
 * clock of now(). */
static int arm(lua_State *L) {
  int64_t at_us =
      lua_isnoneornil(L, 1) ? TRAIL_NEVER : trail_clock_microseconds(luaL_checknumber(L, 1));
  trail_state_set_alarm(L, at_us);
  trail_state_rearm(L);
  return 0;
}

/* next_finished() -> the id of the announced call that ended first, its number (0: none) | nil */
static int next_finished(lua_State *L) {
  struct trail_desk *desk = trail_state_peek_desk(L);
  struct trail_call *call = desk ? trail_worker_next(desk) : NULL;
  struct trail_engine *engine = call ? NULL : trail_state_own(L);
  if (engine) call = trail_engine_next_finished(engine);
  if (!call) return 0;
  lua_pushinteger(L, (lua_Integer)call->id);
  lua_pushinteger(L, (lua_Integer)call->number);
  trail_call_release(call);
  return 2;
}

#ifdef TRAIL_COMPAT_YIELDABLE
/* is_yieldable() -> whether the coroutine that runs can be suspended here; no function where Lua
 * cannot tell. What coroutine.isyieldable says, which nginx takes away. */
static int is_yieldable(lua_State *L) {
  lua_pushboolean(L, lua_isyieldable(L));
  return 1;
}
#endif

void trail_drive_register(lua_State *L) {
  static const luaL_Reg functions[] = {
#ifdef TRAIL_COMPAT_YIELDABLE
      {"is_yieldable", is_yieldable},
#endif
      {"now", now},
      {"sleep", sleep_for},
      {"wait", wait_for_any},
      {"step", step},
      {"fd", fd},
      {"arm", arm},
      {"next_finished", next_finished},
      {NULL, NULL},
  };
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
}
