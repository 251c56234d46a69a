#include "binding/client.h"

#include <string.h>

#include "base/clock.h"
#include "binding/call.h"
#include "binding/event.h"
#include "binding/settings.h"
#include "binding/state.h"
#include "binding/waiter.h"
#include "engine/pacing.h"
#include "policy/target.h"

#define CLIENT "trailmark.core.client"

struct handle {
  struct trail_client *client; /* NULL while half-built, and once collected */
};

/* When a Lua state ends, finalisers may come to a client that is collected already. */
static struct trail_client *left(lua_State *L) {
  struct handle *handle = trail_compat_self(L, CLIENT);
  return handle->client;
}

struct trail_client *trail_client_check(lua_State *L) {
  struct handle *handle = trail_compat_self(L, CLIENT);
  if (!handle->client) trail_state_raise_over(L);
  return handle->client;
}

/* client(settings) -> client | nil, why */
static int create(lua_State *L) {
  struct trail_client_options options = {0};
  const char *why = "";
  luaL_checktype(L, 1, LUA_TTABLE);
  trail_settings_read(L, 1, &options);
  struct handle *handle = lua_newuserdata(L, sizeof *handle);
  handle->client = NULL;
  luaL_getmetatable(L, CLIENT);
  lua_setmetatable(L, -2);
  enum trail_status status = trail_client_create(&options, &handle->client, &why);
  if (status == TRAIL_NO_MEMORY) return trail_state_raise_memory(L);
  if (status == TRAIL_OK) return 1;
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

/* ---- the key --------------------------------------------------------------------------------- */

static int key_result(lua_State *L, enum trail_status status, const struct trail_key_fault *fault) {
  if (status == TRAIL_NO_MEMORY) return trail_state_raise_memory(L);
  if (status == TRAIL_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, fault->text);
  return 2;
}

/* A key function may close the client that asks it: what it then gives is not kept. */
static int refuse_key(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "the client is closed");
  return 2;
}

#define LONGEST_US 1000000000000000 /* what a function gives is asked for again by then */

/* When what a function gave expires; without a third argument never. */
static int64_t good_until(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return INT64_MAX;
  lua_Number seconds = luaL_checknumber(L, index);
  bool long_lived = !(seconds * 1e6 < (lua_Number)LONGEST_US);
  return trail_clock_boot_us() +
         (long_lived ? LONGEST_US : trail_clock_microseconds(seconds < 0 ? 0 : seconds));
}

/* client:set_key(key, source[, expires_in]) -> true | nil, why */
static int set_key(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  struct trail_slice key;
  struct trail_key_fault fault = {""};
  if (client->closed) return refuse_key(L);
  key.bytes = luaL_checklstring(L, 2, &key.size);
  bool function = strcmp(luaL_optstring(L, 3, "option"), "function") == 0;
  enum trail_key_source source = function ? TRAIL_KEY_FUNCTION : TRAIL_KEY_OPTION;
  int64_t until_us = good_until(L, 4);
  if (client->guest)
    return key_result(L, trail_worker_set_key(client, source, key, until_us, &fault), &fault);
  enum trail_status status = trail_keyring_set(&client->keyring, source, key, &fault);
  if (status == TRAIL_OK) trail_keyring_keep_until(&client->keyring, until_us);
  return key_result(L, status, &fault);
}

/* client:use_key_function() -> true: it is asked before the next call */
static int use_key_function(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  enum trail_status status = TRAIL_OK;
  if (client->guest)
    status = trail_worker_use_function(client);
  else
    trail_keyring_use_function(&client->keyring);
  return key_result(L, status, NULL);
}

/* client:set_fallback(key|nil): a key, or nothing where a function will give it -> true | nil, why
 */
static int set_fallback(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  struct trail_key_fault fault = {""};
  if (client->closed) return refuse_key(L);
  if (lua_isnoneornil(L, 2)) {
    client->keyring.fallback_asks = true; /* and stays so, whatever it gives */
    return key_result(L, TRAIL_OK, &fault);
  }
  struct trail_slice key;
  key.bytes = luaL_checklstring(L, 2, &key.size);
  enum trail_status status = client->guest
                                 ? trail_worker_set_fallback(client, key, &fault)
                                 : trail_keyring_set_fallback(&client->keyring, key, &fault);
  return key_result(L, status, &fault);
}

/* client:take_question() -> "first" | "key" | "fallback" | nil: the function to be asked, "first"
 * for a key before a call; the caller is at it until client:key_answered() or
 * client:give_question_back() */
static int take_question(lua_State *L) {
  struct trail_client *client = left(L);
  bool guest = client && client->guest;
  struct trail_engine *engine = client && !guest ? trail_state_peek(L) : NULL;
  if (!engine && !guest) return 0;
  switch (guest ? trail_guest_take_question(client) : trail_engine_key_take(engine, client)) {
    case TRAIL_KEY_ASK_FIRST:
      lua_pushliteral(L, "first");
      return 1;
    case TRAIL_KEY_ASK:
      lua_pushliteral(L, "key");
      return 1;
    case TRAIL_KEY_ASK_FALLBACK:
      lua_pushliteral(L, "fallback");
      return 1;
    default:
      return 0;
  }
}

static int give_question_back(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  if (client->guest) {
    trail_guest_give_question_back(client);
    return 0;
  }
  trail_engine_key_give_back(trail_state_engine(L), client);
  trail_state_rearm(L);
  return 0;
}

/* client:key_answered([problem]): the function was asked; what it gave is set, or it gave nothing,
 * for that reason. */
static int key_answered(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  const char *problem = luaL_optstring(L, 2, NULL);
  if (client->guest) {
    trail_worker_key_answered(client, problem);
    return 0;
  }
  trail_engine_key_answered(trail_state_engine(L), client, problem, trail_clock_boot_us());
  trail_state_rearm(L);
  return 0;
}

/* client:use_key_variable(name) -> true | nil, why */
static int use_key_variable(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  struct trail_key_fault fault = {""};
  enum trail_status status =
      trail_keyring_use_environment(&client->keyring, luaL_checkstring(L, 2), &fault);
  return key_result(L, status, &fault);
}

/* client:use_key_file(path) -> true | nil, why */
static int use_key_file(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  struct trail_key_fault fault = {""};
  enum trail_status status = trail_keyring_use_file(&client->keyring, luaL_checkstring(L, 2),
                                                    trail_clock_boot_us(), &fault);
  return key_result(L, status, &fault);
}

/* client:prepare_pace(): the shared count is opened before the first call */
static int prepare_pace(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  enum trail_status status = trail_pacing_prepare(client, trail_clock_boot_us());
  return status == TRAIL_NO_MEMORY ? trail_state_raise_memory(L) : 0;
}

/* ---- state ----------------------------------------------------------------------------------- */

void trail_client_push_rate(lua_State *L, const struct trail_rate_view *rate, int64_t now_us) {
  double left = trail_client_resets_in(rate, now_us);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)rate->fields.limit);
  lua_setfield(L, -2, "limit");
  lua_pushinteger(L, (lua_Integer)rate->fields.remaining);
  lua_setfield(L, -2, "remaining");
  lua_pushinteger(L, (lua_Integer)rate->fields.reset);
  lua_setfield(L, -2, "reset");
  lua_pushnumber(L, left > 0 ? left : 0);
  lua_setfield(L, -2, "resets_in");
}

/* What all who share the budget know, rather than only what the latest answer to this client told.
 */
static void push_shared_rate(lua_State *L, const struct trail_pacer_view *view) {
  lua_createtable(L, 0, 8);
  lua_pushinteger(L, (lua_Integer)view->limit);
  lua_setfield(L, -2, "limit");
  lua_pushinteger(L, (lua_Integer)view->remaining);
  lua_setfield(L, -2, "remaining");
  lua_pushinteger(L, (lua_Integer)view->reset);
  lua_setfield(L, -2, "reset");
  lua_pushnumber(L, view->resets_in_us > 0 ? (lua_Number)view->resets_in_us / 1e6 : 0);
  lua_setfield(L, -2, "resets_in");
}

/* client:rate() -> table | nil */
static int rate(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  struct trail_client_view view;
  int64_t now_us = trail_clock_boot_us();
  trail_guest_look(client, now_us, &view);
  if (view.budget_known) {
    view.budget.resets_in_us -= now_us - view.budget_us;
    push_shared_rate(L, &view.budget);
  } else if (view.rate.known) {
    trail_client_push_rate(L, &view.rate, now_us);
  } else {
    return 0;
  }
  lua_pushboolean(L, view.shared);
  lua_setfield(L, -2, "shared");
  lua_pushinteger(L, (lua_Integer)view.queued);
  lua_setfield(L, -2, "waiting");
  return 1;
}

/* client:hire([abstract]) -> whether, and why not: the worker drives its calls from now on. It is
 * started here, with a doorbell that has an abstract name where that is asked for. */
static int hire(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  struct trail_desk *desk;
  const char *why = NULL;
  if (lua_toboolean(L, 2)) trail_worker_choose_doorbell(TRAIL_DOORBELL_ABSTRACT);
  enum trail_status status = trail_state_open_desk(L, &desk);
  if (status == TRAIL_NO_MEMORY) return trail_state_raise_memory(L);
  if (status != TRAIL_OK) why = trail_worker_fault();
  if (!client->hired && client->live > 0) why = "calls of this client are under way elsewhere";
  if (!why) client->hired = true;
  lua_pushboolean(L, !why);
  lua_pushstring(L, why);
  lua_pushstring(L, trail_status_name(status == TRAIL_OK ? TRAIL_CONFIG : status));
  return 3;
}

/* client:close(): ends its calls and wipes its key. */
static int close_client(lua_State *L) {
  struct trail_client *client = left(L);
  if (!client) return 0;
  client->closed = true;
  if (client->guest) {
    trail_worker_close_client(client);
    return 0;
  }
  struct trail_engine *engine = trail_state_peek(L);
  if (engine) trail_engine_cancel_client(engine, client, TRAIL_CLOSED, trail_clock_boot_us());
  if (engine) trail_state_rearm(L);
  trail_client_forget_keys(client);
  return 0;
}

/* client:next_event() -> event, dropped | nil; dropped: how many were lost before this one was
 * read. */
static int next_event(lua_State *L) {
  struct trail_client *client = left(L);
  struct trail_event event;
  uint64_t dropped;
  if (!client || !trail_guest_first_event(client, &event, &dropped)) return 0;
  trail_event_push(L, &event); /* where memory runs out the event stays */
  trail_guest_end_event(client, dropped);
  lua_pushinteger(L, (lua_Integer)dropped);
  return 2;
}

/* client:live() -> how many of its calls are not done */
static int live(lua_State *L) {
  struct trail_client *client = left(L);
  lua_pushinteger(L, client ? (lua_Integer)trail_guest_live(client) : 0);
  return 1;
}

/* client:announce_all([waiter]): core.wait returns when any of its calls ends; where the worker has
 * them, the waiter's doorbell rings when all have. */
static int announce_all(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
  uint64_t waiter = trail_waiter_number(L, 2);
  if (client->guest) {
    trail_guest_set_closer(client, waiter);
    trail_worker_greet(client, waiter);
  } else {
    trail_engine_announce_all(trail_state_engine(L), client);
  }
  return 0;
}

static int collect(lua_State *L) {
  struct handle *handle = lua_touserdata(L, 1);
  struct trail_engine *engine = trail_state_own(L);
  if (handle->client && handle->client->guest)
    trail_worker_key_deaf(handle->client);
  else if (engine && handle->client)
    trail_engine_key_deaf(engine, handle->client, trail_clock_boot_us());
  trail_client_release(handle->client);
  handle->client = NULL;
  return 0;
}

void trail_client_register(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"start", trail_call_start},
      {"set_key", set_key},
      {"use_key_function", use_key_function},
      {"use_key_variable", use_key_variable},
      {"use_key_file", use_key_file},
      {"set_fallback", set_fallback},
      {"take_question", take_question},
      {"give_question_back", give_question_back},
      {"key_answered", key_answered},
      {"rate", rate},
      {"next_event", next_event},
      {"live", live},
      {"announce_all", announce_all},
      {"hire", hire},
      {"prepare_pace", prepare_pace},
      {"close", close_client},
      {NULL, NULL},
  };
  trail_compat_metatable(L, CLIENT, methods, collect);
  lua_pushcfunction(L, create);
  lua_setfield(L, -2, "client");
}
