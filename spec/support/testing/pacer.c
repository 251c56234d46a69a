/* The pacer over a hand-moved clock; times are ms here, so that rows stay readable. */
#include "policy/pacer.h"

#include <pthread.h>
#include <string.h>

#include "policy/pacer_word.h"
#include "testing.h"

static struct trail_pace *check(lua_State *L) {
  luaL_checktype(L, 1, LUA_TUSERDATA);
  return (struct trail_pace *)(((uintptr_t)lua_touserdata(L, 1) + 63) / 64 * 64);
}

static lua_Number number(lua_State *L, int table, const char *name, lua_Number otherwise) {
  lua_getfield(L, table, name);
  lua_Number value = luaL_optnumber(L, -1, otherwise);
  lua_pop(L, 1);
  return value;
}

static struct trail_pacer_config config_at(lua_State *L, int table) {
  luaL_checktype(L, table, LUA_TTABLE);
  return (struct trail_pacer_config){
      .limit = (uint32_t)number(L, table, "limit", 0),
      .window_ms = (uint32_t)number(L, table, "window", 0),
      .reserve = (uint32_t)number(L, table, "reserve", 0),
      .spread = number(L, table, "spread", 0),
  };
}

static int64_t us_at(lua_State *L, int index) {
  return (int64_t)(luaL_checknumber(L, index) * 1000);
}

/* new() -> a state that knows nothing */
static int new_state(lua_State *L) {
  void *room = lua_newuserdata(L, sizeof(struct trail_pace) + 63);
  memset(room, 0, sizeof(struct trail_pace) + 63);
  return 1;
}

/* admit(state, config, now, priority) -> 0, ticket | ms to wait */
static int admit(lua_State *L) {
  static const char *const priorities[] = {"low", "normal", "high", NULL};
  struct trail_pacer_config config = config_at(L, 2);
  int priority = luaL_checkoption(L, 4, "normal", priorities);
  struct trail_pacer_ticket ticket;
  int64_t wait_us = trail_pacer_admit(check(L), &config, us_at(L, 3),
                                      (enum trail_pacer_priority)priority, &ticket);
  lua_pushnumber(L, (lua_Number)wait_us / 1000);
  if (wait_us) return 1;
  memcpy(lua_newuserdata(L, sizeof ticket), &ticket, sizeof ticket);
  return 2;
}

/* feedback(state, config, now, ticket, { limit=, remaining=, reset=, date=, status=,
 * retry_after= }): without a limit the answer has no rate */
static int feedback(lua_State *L) {
  struct trail_pacer_config config = config_at(L, 2);
  luaL_checktype(L, 5, LUA_TTABLE);
  struct trail_pacer_answer answer = {
      .has_rate = number(L, 5, "limit", -1) >= 0,
      .rate = {.limit = (uint32_t)number(L, 5, "limit", 0),
               .remaining = (uint32_t)number(L, 5, "remaining", 0),
               .reset = (uint32_t)number(L, 5, "reset", 0)},
      .date = (int64_t)number(L, 5, "date", 0),
      .http_status = (int)number(L, 5, "status", 200),
      .retry_after_ms = (int64_t)number(L, 5, "retry_after", -1),
  };
  trail_pacer_feedback(check(L), &config, us_at(L, 3), lua_touserdata(L, 4), &answer);
  return 0;
}

/* refund(state, ticket) */
static int refund(lua_State *L) {
  trail_pacer_refund(check(L), lua_touserdata(L, 2));
  return 0;
}

/* is_probe(ticket) */
static int is_probe(lua_State *L) {
  lua_pushboolean(L, ((const struct trail_pacer_ticket *)lua_touserdata(L, 1))->probe);
  return 1;
}

static void set(lua_State *L, const char *name, lua_Number value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, name);
}

/* view(state, config, now) -> { server=, limit=, remaining=, reset=, resets_in= ms, stopped= ms
 * } | nil */
static int view(lua_State *L) {
  struct trail_pacer_config config = config_at(L, 2);
  struct trail_pacer_view seen;
  trail_pacer_view(check(L), &config, us_at(L, 3), &seen);
  if (!seen.known) return 0;
  lua_newtable(L);
  lua_pushboolean(L, seen.server);
  lua_setfield(L, -2, "server");
  set(L, "limit", seen.limit);
  set(L, "remaining", seen.remaining);
  set(L, "reset", seen.reset);
  set(L, "resets_in", (lua_Number)seen.resets_in_us / 1000);
  set(L, "stopped", (lua_Number)seen.stopped_us / 1000);
  return 1;
}

/* words(state) -> every word in hexadecimal, to see whether anything changed */
static int words(lua_State *L) {
  char text[8 * 17 + 1] = "";
  const _Atomic uint64_t *word = &check(L)->own;
  for (int i = 0; i < 8; i++)
    snprintf(text + i * 17, 18, "%016llx ", (unsigned long long)trail_pacer_word_read(word + i));
  lua_pushstring(L, text);
  return 1;
}

static int used(lua_State *L) {
  lua_pushnumber(L, trail_pacer_word_window(trail_pacer_word_read(&check(L)->window)).used);
  return 1;
}

/* spoil(state, word, high 32 bits, low 32 bits): what a broken writer might leave */
static int spoil(lua_State *L) {
  _Atomic uint64_t *word = &check(L)->own + luaL_checkinteger(L, 2);
  trail_pacer_word_set(word,
                       (uint64_t)luaL_checknumber(L, 3) << 32 | (uint64_t)luaL_checknumber(L, 4));
  return 0;
}

/* merge(into, from) */
static int merge(lua_State *L) {
  struct trail_pace *into = check(L);
  lua_remove(L, 1);
  trail_pacer_merge(into, check(L));
  return 0;
}

/* jitter(random) -> ms */
static int jitter(lua_State *L) {
  int64_t wait_us = trail_pacer_jitter_us((uint32_t)luaL_checknumber(L, 1));
  lua_pushnumber(L, (lua_Number)wait_us / 1000);
  return 1;
}

/* ---- threads --------------------------------------------------------------------------------- */

struct crowd {
  struct trail_pace *pace;
  atomic_uint granted, arrived;
};

#define CROWD_LIMIT 2000
#define CROWD_RESET 1700000060

/* Asks until nothing is left; every answer says what the server has counted so far. */
static void *take_part(void *context) {
  struct crowd *crowd = context;
  struct trail_pacer_config config = {.spread = 0};
  struct trail_pacer_ticket ticket;
  int64_t now_us = 2000000;
  while (trail_pacer_admit(crowd->pace, &config, now_us, TRAIL_PACER_NORMAL, &ticket) == 0) {
    atomic_fetch_add(&crowd->granted, 1);
    uint32_t arrived = atomic_fetch_add(&crowd->arrived, 1) + 1;
    struct trail_pacer_answer answer = {
        .has_rate = true,
        .rate = {CROWD_LIMIT, arrived < CROWD_LIMIT ? CROWD_LIMIT - arrived : 0, CROWD_RESET},
        .date = 1700000000,
        .http_status = 200,
        .retry_after_ms = -1,
    };
    trail_pacer_feedback(crowd->pace, &config, now_us, &ticket, &answer);
  }
  return NULL;
}

/* crowd(state, threads) -> how many were granted of a window of 2000; the first answer is in
 * already */
static int run_crowd(lua_State *L) {
  enum { MOST = 16 };
  pthread_t threads[MOST];
  struct crowd crowd = {.pace = check(L)};
  int count = (int)luaL_checkinteger(L, 2), started = 0;
  while (started < count && started < MOST &&
         pthread_create(&threads[started], NULL, take_part, &crowd) == 0)
    started++;
  for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
  if (started != count) return luaL_error(L, "only %d threads", started);
  lua_pushnumber(L, atomic_load(&crowd.granted));
  return 1;
}

const luaL_Reg trail_testing_pacer[] = {
    {"new", new_state}, {"admit", admit},       {"feedback", feedback}, {"refund", refund},
    {"view", view},     {"is_probe", is_probe}, {"words", words},       {"used", used},
    {"spoil", spoil},   {"merge", merge},       {"jitter", jitter},     {"crowd", run_crowd},
    {NULL, NULL},
};
