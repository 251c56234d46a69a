#include "binding/call.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "binding/client.h"
#include "binding/drive.h"
#include "binding/result.h"
#include "binding/settings.h"
#include "binding/state.h"
#include "binding/target.h"
#include "binding/waiter.h"
#include "engine/echo.h"
#include "policy/uuid.h"

#define CALL "trailmark.core.call"

enum { METHOD = 2, PATH, QUERY, BODY, HEADERS, OPTIONS, HANDLE };

struct handle {
  struct trail_call *call;     /* NULL while half-built, and once collected */
  struct trail_buffer *target; /* only while it is built */
};

static struct trail_call *check(lua_State *L) {
  struct handle *handle = trail_compat_self(L, CALL);
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
  if (!lua_isnil(L, -1)) otherwise = trail_clock_microseconds(lua_tonumber(L, -1));
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
  if (!lua_isnil(L, -1)) spec->priority = trail_settings_priority(lua_tostring(L, -1));
  lua_pop(L, 1);
  read_idempotency_key(L, spec, key_wanted);
}

/* A POST or PATCH is given a key, so that repeating it is safe. Without a generator it gets none,
 * and then is not repeated, and its error says why. */
static void make_key(struct trail_call_spec *spec, char text[TRAIL_UUID_TEXT + 1]) {
  unsigned char random[16];
  spec->keyless = !trail_random_bytes(random, sizeof random);
  if (spec->keyless) return;
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
  handle->target = trail_memory_zalloc(1, sizeof *handle->target);
  if (!handle->target) trail_state_raise_memory(L);
  return handle;
}

static void forget_target(struct handle *handle) {
  if (handle->target) trail_buffer_clear(handle->target);
  trail_memory_free(handle->target);
  handle->target = NULL;
}

/* To the engine of this state, or to the worker's, which may still have to be woken. */
static enum trail_status hand_over(lua_State *L, struct trail_call *call) {
  struct trail_engine *engine;
  struct trail_desk *desk;
  bool hired = call->client->hired;
  enum trail_status status =
      hired ? trail_state_open_desk(L, &desk) : trail_state_open_engine(L, &engine);
  if (status != TRAIL_OK) return status;
  if (hired) return trail_worker_submit(desk, call, 0);
  status = trail_engine_submit(engine, call, trail_clock_boot_us());
  trail_state_rearm(L);
  return status;
}

/* Nobody is there to take it over: nil, nil, the error's kind, why. */
static int push_fault(lua_State *L, enum trail_status status, bool hired) {
  if (status == TRAIL_NO_MEMORY) return trail_state_raise_memory(L);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushstring(L, trail_status_name(status));
  lua_pushstring(L, hired ? trail_worker_fault() : trail_state_fault(L));
  return 4;
}

static int submit(lua_State *L, struct trail_client *client, struct trail_call_spec *spec,
                  struct handle *handle) {
  spec->target = trail_buffer_slice(handle->target);
  enum trail_status status = trail_call_create(client, spec, &handle->call);
  if (status == TRAIL_OK) status = hand_over(L, handle->call);
  if (status != TRAIL_OK) return push_fault(L, status, client->hired);
  forget_target(handle);
  lua_pushvalue(L, HANDLE);
  return 1;
}

int trail_call_start(lua_State *L) {
  struct trail_client *client = trail_client_check(L);
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
  spec.json = lua_isboolean(L, HEADERS) && lua_toboolean(L, HEADERS);
  if (!spec.json) spec.headers = optional_slice(L, HEADERS);
  read_options(L, &spec, &key_wanted);
  if (key_wanted) make_key(&spec, generated);
  if (!read_target(L, client, handle->target)) return 4;
  return submit(L, client, &spec, handle);
}

/* Of one that the worker has, nothing may be looked at before. */
static bool call_is_done(const struct trail_call *call) {
  return call->job ? trail_worker_is_done(call) : call->state == TRAIL_CALL_DONE;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* call:wait([seconds]) -> true: done; false: the time is over; nil: Lua has something to do, then
 * wait again */
static int wait(lua_State *L) {
  struct trail_call *call = check(L);
  if (call_is_done(call)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  if (call->job) return luaL_error(L, "trailmark: the worker's calls are waited for in Lua");
  return trail_drive_push_end(L, trail_drive_wait(L, call, 2), TRAIL_INLINE_DONE);
}

/* call:announce([number]) -> the number that core.next_finished will tell with its end: the one of
 * an earlier announcement, else the given one, else its id | nil: it has ended */
static int announce(lua_State *L) {
  struct trail_call *call = check(L);
  lua_Integer number = luaL_optinteger(L, 2, (lua_Integer)call->id);
  bool live =
      call->job ? !trail_worker_is_done(call) : trail_engine_announce(trail_state_engine(L), call);
  if (!live) return 0;
  if (!call->number) call->number = (uint64_t)number;
  lua_pushinteger(L, (lua_Integer)call->number);
  return 1;
}

/* call:await(waiter | nil) -> false: it is done. The number of a core.waiter, whose doorbell is to
 * ring when it ends, and at once where there is news that nobody waited for. */
static int await(lua_State *L) {
  struct trail_call *call = check(L);
  luaL_argcheck(L, call->job != NULL, 1, "not the worker's");
  uint64_t waiter = trail_waiter_number(L, 2);
  bool under_way = trail_desk_await(call, waiter);
  if (under_way) trail_worker_greet(call->client, waiter);
  lua_pushboolean(L, under_way);
  return 1;
}

/* call:id() -> unique in the process */
static int id(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L)->id);
  return 1;
}

/* call:cancel(["timeout"]): the latter where the time of its batch is over */
static int cancel(lua_State *L) {
  static const char *const reasons[] = {"cancelled", "timeout", NULL};
  struct trail_call *call = check(L);
  enum trail_status why =
      luaL_checkoption(L, 2, reasons[0], reasons) ? TRAIL_TIMEOUT : TRAIL_CANCELLED;
  if (call->job) {
    trail_worker_cancel(call, why);
    return 0;
  }
  trail_engine_cancel(trail_state_engine(L), call, why, trail_clock_boot_us());
  trail_state_rearm(L);
  return 0;
}

static int is_done(lua_State *L) {
  lua_pushboolean(L, call_is_done(check(L)));
  return 1;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* call:result() -> ok, body, response; body and response are nil where the server did not answer */
static int result(lua_State *L) {
  const struct trail_call *call = check(L);
  if (call_is_done(call)) return trail_result_push(L, call);
  lua_pushboolean(L, 0);
  return 1;
}

/* call:failure([kind, message]) -> the fields of its error; with `kind`, of one found after the
 * answer came. From then on the answer shows no key. */
static int failure(lua_State *L) {
  struct trail_call *call = check(L);
  trail_echo_hide(call);
  const char *kind = luaL_optstring(L, 2, NULL);
  const char *message = luaL_optstring(L, 3, NULL);
  trail_result_push_failure(L, call, kind, message);
  return 1;
}

/* Nobody will read its result. */
static void let_go(lua_State *L, struct trail_call *call) {
  struct trail_engine *engine = call->job ? NULL : trail_state_own(L);
  if (call->job && !trail_worker_is_done(call)) trail_worker_drop(call);
  if (engine) trail_engine_drop(engine, call, trail_clock_boot_us());
}

/* call:drop(): cancels it where nothing of it was sent. */
static int drop(lua_State *L) {
  let_go(L, check(L));
  trail_state_rearm(L);
  return 0;
}

static int collect(lua_State *L) {
  struct handle *handle = lua_touserdata(L, 1);
  if (handle->call) let_go(L, handle->call);
  trail_call_release(handle->call);
  handle->call = NULL;
  forget_target(handle);
  return 0;
}

/* call:forget(): it is done, its result is read, and nobody asks it anything again. What it holds is
 * free now, not when the handle is collected. */
static int forget(lua_State *L) {
  struct handle *handle = trail_compat_self(L, CALL);
  if (!handle->call || !call_is_done(handle->call)) return 0;
  trail_call_release(handle->call);
  handle->call = NULL;
  return 0;
}

void trail_call_register(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"wait", wait},       {"announce", announce}, {"id", id},        {"cancel", cancel},
      {"drop", drop},       {"await", await},       {"done", is_done}, {"result", result},
      {"failure", failure}, {"forget", forget},     {NULL, NULL},
  };
  trail_compat_metatable(L, CALL, methods, collect);
}
