#include "binding/call.h"

#include "base/clock.h"
#include "base/random.h"
#include "binding/client.h"
#include "binding/result.h"
#include "binding/state.h"
#include "binding/target.h"
#include "engine/attempt.h"
#include "engine/inline.h"
#include "policy/uuid.h"

#define CALL "trailmark.core.call"

enum { METHOD = 2, PATH, QUERY, BODY, HEADERS, OPTIONS, HANDLE };

struct handle {
  struct trail_call *call;    /* NULL while half-built, and once collected */
  struct trail_buffer target; /* only while it is built */
};

static struct trail_call *check(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, CALL);
  if (!handle->call) trail_state_raise_over(L);
  return handle->call;
}

/* ---- start ----------------------------------------------------------------------------------- */

static struct trail_slice optional_slice(lua_State *L, int index) {
  struct trail_slice slice = {NULL, 0};
  if (!lua_isnoneornil(L, index)) slice.bytes = luaL_checklstring(L, index, &slice.size);
  return slice;
}

static int64_t seconds_option(lua_State *L, const char *name, int64_t otherwise) {
  lua_getfield(L, OPTIONS, name);
  if (!lua_isnil(L, -1)) otherwise = trail_client_microseconds(lua_tonumber(L, -1));
  lua_pop(L, 1);
  return otherwise;
}

/* Leaves the key's string on the stack, which keeps it valid. */
static void read_idempotency_key(lua_State *L, struct trail_call_spec *spec, bool *wanted) {
  lua_getfield(L, OPTIONS, "idempotency_key");
  if (lua_isboolean(L, -1)) *wanted = false;
  if (lua_type(L, -1) != LUA_TSTRING) return;
  *wanted = false;
  spec->idempotency_key.bytes = lua_tolstring(L, -1, &spec->idempotency_key.size);
}

static void read_options(lua_State *L, struct trail_call_spec *spec, bool *key_wanted) {
  if (lua_isnoneornil(L, OPTIONS)) return;
  luaL_checktype(L, OPTIONS, LUA_TTABLE);
  spec->timeout_us = seconds_option(L, "timeout", spec->timeout_us);
  spec->deadline_us = seconds_option(L, "deadline", spec->deadline_us);
  lua_getfield(L, OPTIONS, "retries");
  if (!lua_isnil(L, -1)) spec->retries = (uint32_t)lua_tonumber(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, OPTIONS, "priority");
  if (!lua_isnil(L, -1)) spec->priority = trail_client_priority(lua_tostring(L, -1));
  lua_pop(L, 1);
  read_idempotency_key(L, spec, key_wanted);
}

/* A POST or PATCH is given a key, so that repeating it is safe. Without a generator it gets none,
 * and then is not repeated. */
static void make_key(struct trail_call_spec *spec, char text[TRAIL_UUID_TEXT + 1]) {
  unsigned char random[16];
  if (!trail_random_bytes(random, sizeof random)) return;
  trail_uuid_format(random, text);
  spec->idempotency_key = trail_slice_of(text, TRAIL_UUID_TEXT);
}

static bool read_target(lua_State *L, const struct trail_client *client,
                        struct trail_buffer *target) {
  struct trail_target_parts parts = {.path = PATH};
  struct trail_target_complaint complaint;
  if (!lua_isnoneornil(L, QUERY)) parts.query = QUERY;
  if (lua_type(L, OPTIONS) == LUA_TTABLE) {
    lua_getfield(L, OPTIONS, "params");
    if (lua_istable(L, -1)) parts.params = lua_gettop(L);
  }
  if (trail_target_build(L, client, &parts, target, &complaint)) return true;
  /* The value in question is on top. */
  lua_pushnil(L);
  lua_pushstring(L, complaint.subject);
  lua_pushvalue(L, -3);
  lua_pushstring(L, complaint.text);
  return false;
}

static struct handle *push_handle(lua_State *L) {
  struct handle *handle = lua_newuserdata(L, sizeof *handle);
  *handle = (struct handle){0};
  luaL_getmetatable(L, CALL);
  lua_setmetatable(L, -2);
  return handle;
}

static int submit(lua_State *L, struct trail_client *client, struct trail_call_spec *spec,
                  struct handle *handle) {
  struct trail_engine *engine = trail_state_engine(L);
  spec->target = trail_buffer_slice(&handle->target);
  if (trail_call_create(client, spec, &handle->call) != TRAIL_OK ||
      trail_engine_submit(engine, handle->call, trail_clock_boot_us()) != TRAIL_OK)
    return trail_state_raise_memory(L);
  trail_buffer_clear(&handle->target);
  lua_pushvalue(L, HANDLE);
  return 1;
}

int trail_call_start(lua_State *L) {
  struct trail_client *client = trail_client_check(L, 1);
  char generated[TRAIL_UUID_TEXT + 1];
  struct trail_call_spec spec = {
      .timeout_us = client->defaults.timeout_us,
      .deadline_us = client->defaults.deadline_us,
      .retries = client->defaults.retries,
      .priority = client->defaults.priority,
  };
  lua_settop(L, OPTIONS);
  struct handle *handle = push_handle(L);
  size_t method_size;
  const char *method = luaL_checklstring(L, METHOD, &method_size);
  luaL_checktype(L, PATH, LUA_TSTRING);
  if (!trail_method_from_name(trail_slice_of(method, method_size), &spec.method))
    return luaL_argerror(L, METHOD, "no method");
  bool key_wanted = !trail_method_is_idempotent(spec.method);
  spec.body = optional_slice(L, BODY);
  spec.has_body = spec.body.bytes || trail_method_has_body(spec.method);
  spec.headers = optional_slice(L, HEADERS);
  read_options(L, &spec, &key_wanted);
  if (key_wanted) make_key(&spec, generated);
  if (!read_target(L, client, &handle->target)) return 4;
  return submit(L, client, &spec, handle);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int64_t until(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return TRAIL_NEVER;
  return trail_clock_boot_us() + trail_client_microseconds(luaL_checknumber(L, index));
}

static int push_end(lua_State *L, enum trail_inline_end end, enum trail_inline_end good) {
  if (end == TRAIL_INLINE_INTERRUPTED || end == TRAIL_INLINE_EVENTS)
    lua_pushnil(L);
  else
    lua_pushboolean(L, end == good);
  return 1;
}

/* call:wait([seconds]) -> true: done; false: the time ran out; nil: wait again, for a signal came
 * or the client has events to deliver; "key" or "fallback": that function has to be asked, then
 * client:key_answered(), then wait again */
static int wait(lua_State *L) {
  struct trail_call *call = check(L);
  int64_t until_us = until(L, 2);
  if (call->state != TRAIL_CALL_DONE) {
    struct trail_engine *engine = trail_state_engine(L); /* after a fork this ends the call */
    enum trail_inline_end end = trail_inline_wait(engine, call, until_us);
    if (end != TRAIL_INLINE_KEY) return push_end(L, end, TRAIL_INLINE_DONE);
    bool key = trail_engine_key_question(call->client) == TRAIL_KEY_ASK;
    lua_pushstring(L, key ? "key" : "fallback");
    return 1;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* now() -> seconds on the clock that waits are measured by */
static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)trail_clock_boot_us() / 1e6);
  return 1;
}

/* sleep(seconds) -> true: slept; nil: a signal came. Calls advance meanwhile. */
static int sleep_for(lua_State *L) {
  return push_end(L, trail_inline_wait(trail_state_engine(L), NULL, until(L, 1)),
                  TRAIL_INLINE_TIME);
}

/* call:cancel() */
static int cancel(lua_State *L) {
  struct trail_call *call = check(L);
  trail_engine_cancel(trail_state_engine(L), call, TRAIL_CANCELLED, trail_clock_boot_us());
  return 0;
}

static int is_done(lua_State *L) {
  lua_pushboolean(L, check(L)->state == TRAIL_CALL_DONE);
  return 1;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* call:result() -> ok, body, response; body and response are nil where the server did not answer */
static int result(lua_State *L) {
  const struct trail_call *call = check(L);
  return trail_result_push(L, call);
}

/* call:failure([kind, message]) -> the fields of its error; with `kind`, of one found after the
 * answer came. From then on the answer shows no key. */
static int failure(lua_State *L) {
  struct trail_call *call = check(L);
  trail_attempt_hide_key(call);
  const char *kind = luaL_optstring(L, 2, NULL);
  const char *message = luaL_optstring(L, 3, NULL);
  trail_result_push_failure(L, call, kind, message);
  return 1;
}

static int collect(lua_State *L) {
  struct handle *handle = lua_touserdata(L, 1);
  trail_call_release(handle->call);
  handle->call = NULL;
  trail_buffer_clear(&handle->target);
  return 0;
}

void trail_call_register(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"wait", wait},     {"cancel", cancel},   {"done", is_done},
      {"result", result}, {"failure", failure}, {NULL, NULL},
  };
  trail_compat_metatable(L, CALL, methods, collect);
  lua_pushcfunction(L, sleep_for);
  lua_setfield(L, -2, "sleep");
  lua_pushcfunction(L, now);
  lua_setfield(L, -2, "now");
}
