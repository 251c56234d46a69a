#include "binding/waiter.h"

#include <stdio.h>

#include "base/clock.h"
#include "binding/state.h"
#include "engine/worker.h"

#define WAITER "trailmark.core.waiter"

struct waiter {
  uint64_t number; /* 0 while half-built, and once closed */
};

uint64_t trail_waiter_number(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return 0;
  struct waiter *waiter = luaL_checkudata(L, index, WAITER);
  return waiter->number;
}

/* waiter() -> a waiter: who is told by the doorbell when its calls end */
static int create(lua_State *L) {
  struct trail_desk *desk = trail_state_desk(L);
  struct waiter *waiter = lua_newuserdata(L, sizeof *waiter);
  *waiter = (struct waiter){0};
  luaL_getmetatable(L, WAITER);
  lua_setmetatable(L, -2);
  waiter->number = trail_desk_open_waiter(desk);
  return waiter->number ? 1 : trail_state_raise_memory(L);
}

/* waiter:ask() -> the address of the doorbell, which the worker answers from now on. It is about to
 * wait for more than what core.next_finished has told so far. */
static int ask(lua_State *L) {
  uint64_t number = trail_waiter_number(L, 1);
  (void)trail_desk_asks(trail_state_desk(L), number);
  lua_pushstring(L, trail_worker_address());
  return 1;
}

/* waiter:line([at]) -> the line to send to the doorbell, after `ask`. It is answered by a line when
 * the worker has more for it, or at that time by core.now(). */
static int line(lua_State *L) {
  char text[72];
  uint64_t number = trail_waiter_number(L, 1);
  int64_t until_us = lua_isnoneornil(L, 2) ? 0 : trail_clock_microseconds(luaL_checknumber(L, 2));
  int size = snprintf(text, sizeof text, "%llu %llu %llu\n", (unsigned long long)number,
                      (unsigned long long)trail_desk_asked(number),
                      (unsigned long long)(until_us > 0 ? until_us : 0));
  lua_pushlstring(L, text, (size_t)size);
  return 1;
}

/* waiter:listen() -> whether it waits now, as it would with the line, which need not be sent on the
 * connection that it was rung on last. */
static int listen(lua_State *L) {
  lua_pushboolean(L, trail_worker_listens(trail_waiter_number(L, 1)));
  return 1;
}

/* waiter:poke(): ends its wait, unless that is about to end. */
static int poke(lua_State *L) {
  uint64_t number = trail_waiter_number(L, 1);
  if (number) trail_worker_poke(number);
  return 0;
}

/* waiter:share(id | nil): it waits for the call of that id, whose ring is another's; or no longer.
 * When the last who does so has left, the call is cancelled. */
static int share(lua_State *L) {
  trail_desk_share(trail_waiter_number(L, 1), (uint64_t)luaL_optinteger(L, 2, 0));
  return 0;
}

/* Who waits keeps it, so the host has ended his coroutine. Also waiter:lose(), of one who is known to
 * have been ended before that. */
static int collect(lua_State *L) {
  struct waiter *waiter = luaL_checkudata(L, 1, WAITER);
  if (waiter->number) trail_worker_lose(waiter->number);
  waiter->number = 0;
  return 0;
}

/* doorbell() -> the address of the doorbell; nil: there is none */
static int doorbell(lua_State *L) {
  lua_pushstring(L, trail_worker_address());
  return 1;
}

/* wake(): the worker looks for what it was given. Who rings the doorbell need not. */
static int wake(lua_State *L) {
  if (trail_state_peek_desk(L)) trail_worker_wake();
  return 0;
}

void trail_waiter_register(lua_State *L) {
  static const luaL_Reg methods[] = {{"ask", ask},   {"line", line},   {"listen", listen},
                                     {"poke", poke}, {"share", share}, {"lose", collect},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"waiter", create}, {"doorbell", doorbell}, {"wake", wake}, {NULL, NULL}};
  trail_compat_metatable(L, WAITER, methods, collect);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
}
