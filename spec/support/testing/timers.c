#include "engine/timers.h"

#include <stdlib.h>

#include "base/memory.h"
#include "testing.h"

enum { MOST = 512 };

static struct trail_timer timers_of_walk[MOST];

/* What the heap's first has to be: the least time among those that are set. */
static struct trail_timer *least(void) {
  struct trail_timer *found = NULL;
  for (int i = 0; i < MOST; i++) {
    struct trail_timer *timer = &timers_of_walk[i];
    if (timer->place == TRAIL_TIMER_UNSET) continue;
    if (!found || timer->at_us < found->at_us) found = timer;
  }
  return found;
}

static size_t count_set(void) {
  size_t count = 0;
  for (int i = 0; i < MOST; i++) count += timers_of_walk[i].place != TRAIL_TIMER_UNSET;
  return count;
}

static const char *compare(const struct trail_timers *timers) {
  struct trail_timer *expected = least(), *first = trail_timers_first(timers);
  if (timers->count != count_set()) return "the count is wrong";
  if (!expected || !first) return expected == first ? NULL : "it is empty and should not be";
  if (first->at_us != expected->at_us) return "the first is not the earliest";
  for (size_t i = 0; i < timers->count; i++)
    if (timers->heap[i]->place != i) return "an element does not know its place";
  return NULL;
}

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

static void step(struct trail_timers *timers, uint32_t *seed, uint32_t spread) {
  struct trail_timer *timer = &timers_of_walk[next_random(seed) % MOST];
  switch (next_random(seed) % 4) {
    case 0:
      trail_timers_unset(timers, timer);
      break;
    case 1: /* as the engine does when time has come */
      timer = trail_timers_first(timers);
      if (timer) trail_timers_unset(timers, timer);
      break;
    default: /* a new one, or one moved either way */
      trail_timers_set(timers, timer, (int64_t)(next_random(seed) % spread));
  }
}

/* walk(seed, steps, spread of times) -> largest count | nil, what is wrong */
static int walk(lua_State *L) {
  struct trail_timers timers = {0};
  uint32_t seed = (uint32_t)luaL_checknumber(L, 1);
  uint32_t spread = (uint32_t)luaL_checknumber(L, 3);
  size_t largest = 0;
  const char *wrong = NULL;
  for (int i = 0; i < MOST; i++) timers_of_walk[i].place = TRAIL_TIMER_UNSET;
  for (size_t i = 1; i <= MOST; i++) /* one by one, as calls are submitted */
    if (trail_timers_reserve(&timers, i) != TRAIL_OK) return luaL_error(L, "no memory");
  for (long left = (long)luaL_checknumber(L, 2); left && !wrong; left--) {
    step(&timers, &seed, spread);
    wrong = compare(&timers);
    if (timers.count > largest) largest = timers.count;
  }
  trail_timers_clear(&timers);
  if (wrong) {
    lua_pushnil(L);
    lua_pushstring(L, wrong);
    return 2;
  }
  lua_pushnumber(L, (lua_Number)largest);
  return 1;
}

/* sort{ time, ... } -> the times in the order in which they come out */
static int sort(lua_State *L) {
  struct trail_timers timers = {0};
  int count = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  for (int i = 0; i < MOST; i++) timers_of_walk[i].place = TRAIL_TIMER_UNSET;
  for (;; count++) {
    lua_rawgeti(L, 1, count + 1);
    if (lua_isnil(L, -1)) break;
    if (count == MOST || trail_timers_reserve(&timers, timers.count + 1) != TRAIL_OK)
      return luaL_error(L, "no memory");
    trail_timers_set(&timers, &timers_of_walk[count], (int64_t)luaL_checknumber(L, -1));
  }
  lua_newtable(L);
  for (int i = 1; trail_timers_first(&timers); i++) {
    lua_pushnumber(L, (lua_Number)trail_timers_first(&timers)->at_us);
    lua_rawseti(L, -2, i);
    trail_timers_unset(&timers, trail_timers_first(&timers));
  }
  trail_timers_clear(&timers);
  return 1;
}

static int refuse(void) { return 1; }

/* reserve_starved() -> status without memory, and whether the heap works on as it was */
static int reserve_starved(lua_State *L) {
  struct trail_timers timers = {0};
  for (int i = 0; i < MOST; i++) timers_of_walk[i].place = TRAIL_TIMER_UNSET;
  (void)!trail_timers_reserve(&timers, 16);
  for (int i = 0; i < 16; i++) trail_timers_set(&timers, &timers_of_walk[i], 16 - i);
  trail_memory_refuse = refuse;
  enum trail_status status = trail_timers_reserve(&timers, 17);
  trail_memory_refuse = NULL;
  lua_pushstring(L, trail_status_name(status));
  lua_pushboolean(L, compare(&timers) == NULL && timers.count == 16);
  trail_timers_clear(&timers);
  return 2;
}

const luaL_Reg trail_testing_timers[] = {
    {"walk", walk},
    {"sort", sort},
    {"reserve_starved", reserve_starved},
    {NULL, NULL},
};
