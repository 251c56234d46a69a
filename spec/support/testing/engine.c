/* The engine over the fake transport: a spec submits calls, sees the attempts they start, ends
 * these, and moves the clock, all times in microseconds since a beginning of its own. */
#include "engine/engine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "binding/compat.h"
#include "engine/inline.h"
#include "fake_transport.h"
#include "testing.h"

#define ENGINE "trailmark.testing.engine"
#define CLIENT "trailmark.testing.engine.client"
#define CALL "trailmark.testing.engine.call"

struct engine_handle {
  struct trail_engine *engine;
  struct fake_transport *fake;
};

struct client_handle {
  struct trail_client *client;
};

struct call_handle {
  struct trail_call *call;
};

static const char *const statuses[] = {
#define NAME(name, text) text,
    TRAIL_STATUS_LIST(NAME)
#undef NAME
        NULL,
};

static struct engine_handle *check_engine(lua_State *L) {
  struct engine_handle *handle = luaL_checkudata(L, 1, ENGINE);
  luaL_argcheck(L, handle->engine != NULL, 1, "destroyed");
  return handle;
}

static struct trail_client *check_client(lua_State *L, int arg) {
  struct client_handle *handle = luaL_checkudata(L, arg, CLIENT);
  luaL_argcheck(L, handle->client != NULL, arg, "released");
  return handle->client;
}

static struct trail_call *check_call(lua_State *L, int arg) {
  struct call_handle *handle = luaL_checkudata(L, arg, CALL);
  luaL_argcheck(L, handle->call != NULL, arg, "released");
  return handle->call;
}

static int64_t check_time(lua_State *L, int arg) { return (int64_t)luaL_checknumber(L, arg); }

static enum trail_status check_status(lua_State *L, int arg) {
  return (enum trail_status)luaL_checkoption(L, arg, NULL, statuses);
}

/* ---- reading and building tables ------------------------------------------------------------- */

static lua_Number number_field(lua_State *L, int table, const char *name, lua_Number otherwise) {
  lua_getfield(L, table, name);
  lua_Number number = luaL_optnumber(L, -1, otherwise);
  lua_pop(L, 1);
  return number;
}

static bool flag_field(lua_State *L, int table, const char *name, bool otherwise) {
  lua_getfield(L, table, name);
  bool flag = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

/* The string stays on the stack, and so stays valid. */
static struct trail_slice slice_field(lua_State *L, int table, const char *name) {
  struct trail_slice slice = {NULL, 0};
  lua_getfield(L, table, name);
  slice.bytes = luaL_optlstring(L, -1, NULL, &slice.size);
  return slice;
}

static void set_number(lua_State *L, const char *name, double number) {
  lua_pushnumber(L, (lua_Number)number);
  lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool flag) {
  lua_pushboolean(L, flag);
  lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *text) {
  if (!text) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void set_bytes(lua_State *L, const char *name, const char *bytes, size_t size) {
  if (!bytes) return;
  lua_pushlstring(L, bytes, size);
  lua_setfield(L, -2, name);
}

/* ---- the engine ------------------------------------------------------------------------------ */

static int destroy_engine(lua_State *L) {
  struct engine_handle *handle = luaL_checkudata(L, 1, ENGINE);
  trail_engine_destroy(handle->engine);
  handle->engine = NULL;
  return 0;
}

/* engine:submit(call, now) -> status */
static int submit(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  struct trail_call *call = check_call(L, 2);
  lua_pushstring(L, trail_status_name(trail_engine_submit(handle->engine, call, check_time(L, 3))));
  return 1;
}

/* engine:advance_briefly(now) */
static int advance_briefly(lua_State *L) {
  trail_engine_advance_briefly(check_engine(L)->engine, check_time(L, 2));
  return 0;
}

/* engine:advance(now) */
static int advance(lua_State *L) {
  trail_engine_advance(check_engine(L)->engine, check_time(L, 2));
  return 0;
}

/* engine:cancel(call, why, now) */
static int cancel(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  struct trail_call *call = check_call(L, 2);
  trail_engine_cancel(handle->engine, call, check_status(L, 3), check_time(L, 4));
  return 0;
}

/* engine:cancel_client(client, why, now) */
static int cancel_client(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  struct trail_client *client = check_client(L, 2);
  trail_engine_cancel_client(handle->engine, client, check_status(L, 3), check_time(L, 4));
  return 0;
}

/* engine:announce(call) -> whether its end is going to be listed */
static int announce(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  lua_pushboolean(L, trail_engine_announce(handle->engine, check_call(L, 2)));
  return 1;
}

/* engine:announce_all(client) */
static int announce_all(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  trail_engine_announce_all(handle->engine, check_client(L, 2));
  return 0;
}

/* engine:next_finished() -> id | nil */
static int next_finished(lua_State *L) {
  struct trail_call *call = trail_engine_next_finished(check_engine(L)->engine);
  if (!call) return 0;
  lua_pushnumber(L, (lua_Number)call->id);
  trail_call_release(call);
  return 1;
}

/* engine:news() -> { finished=, question=, events= } */
static int news(lua_State *L) {
  struct trail_news is = trail_engine_news(check_engine(L)->engine);
  lua_createtable(L, 0, 3);
  set_flag(L, "finished", is.finished);
  set_flag(L, "question", is.question);
  set_flag(L, "events", is.events);
  return 1;
}

/* engine:drop(call, now): nobody will read its result */
static int drop(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  trail_engine_drop(handle->engine, check_call(L, 2), check_time(L, 3));
  return 0;
}

static void push_question(lua_State *L, enum trail_key_verdict verdict) {
  switch (verdict) {
    case TRAIL_KEY_ASK_FIRST:
      lua_pushliteral(L, "ask_first");
      break;
    case TRAIL_KEY_ASK:
      lua_pushliteral(L, "ask");
      break;
    case TRAIL_KEY_ASK_FALLBACK:
      lua_pushliteral(L, "ask_fallback");
      break;
    default:
      lua_pushliteral(L, "give_up");
  }
}

/* engine:take(client) -> what client:question() tells; the caller is at it */
static int take(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  push_question(L, trail_engine_key_take(handle->engine, check_client(L, 2)));
  return 1;
}

/* engine:give_back(client) */
static int give_back(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  trail_engine_key_give_back(handle->engine, check_client(L, 2));
  return 0;
}

/* engine:deaf(client, now): nobody is left who could ask its functions */
static int deaf(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  trail_engine_key_deaf(handle->engine, check_client(L, 2), check_time(L, 3));
  return 0;
}

/* engine:answered(client, now[, problem]): the function key has answered, or failed */
static int answered(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  trail_engine_key_answered(handle->engine, check_client(L, 2), luaL_optstring(L, 4, NULL),
                            check_time(L, 3));
  return 0;
}

/* engine:wake() -> time | nil */
static int wake(lua_State *L) {
  int64_t at_us = trail_engine_wake_us(check_engine(L)->engine);
  if (at_us == TRAIL_NEVER) return 0;
  lua_pushnumber(L, (lua_Number)at_us);
  return 1;
}

static int live(lua_State *L) {
  lua_pushnumber(L, (lua_Number)trail_engine_live(check_engine(L)->engine));
  return 1;
}

/* engine:replace(): what a fork's child does */
static int replace(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  handle->fake = fake_transport_create();
  trail_engine_replace_transport(handle->engine, &handle->fake->base);
  return 0;
}

static const char *end_name(enum trail_inline_end end) {
  switch (end) {
    case TRAIL_INLINE_DONE:
      return "done";
    case TRAIL_INLINE_TIME:
      return "time";
    case TRAIL_INLINE_KEY:
      return "key";
    case TRAIL_INLINE_EVENTS:
      return "events";
    case TRAIL_INLINE_FINISHED:
      return "finished";
    case TRAIL_INLINE_INTERRUPTED:
      return "interrupted";
  }
  return "?";
}

/* engine:drive(call | nil, seconds) -> "done" | "time" | "key" | "events" | "interrupted": the inline
 * driver, on the machine's own clock */
static int drive(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  struct trail_call *call = lua_isnil(L, 2) ? NULL : check_call(L, 2);
  int64_t until_us = trail_clock_boot_us() + (int64_t)(luaL_checknumber(L, 3) * 1e6);
  lua_pushstring(L, end_name(trail_inline_wait(handle->engine, call, until_us)));
  return 1;
}

/* ---- the network ----------------------------------------------------------------------------- */

static void push_attempt(lua_State *L, const struct fake_attempt *attempt) {
  lua_createtable(L, 0, 8);
  set_number(L, "serial", attempt->serial);
  set_number(L, "call", (double)((struct trail_call *)attempt->owner)->id);
  set_text(L, "method", attempt->method);
  set_text(L, "url", attempt->url);
  set_text(L, "headers", attempt->headers);
  set_text(L, "authorization", attempt->authorization);
  set_bytes(L, "body", attempt->body, attempt->body_size);
  set_flag(L, "fresh", attempt->fresh_connection);
}

/* engine:attempts() -> those under way, in the order of their start */
static int attempts(lua_State *L) {
  int count = 0;
  lua_newtable(L);
  for (struct fake_attempt *at = check_engine(L)->fake->first; at; at = at->next) {
    if (at->fate == FAKE_FINISHED) continue;
    push_attempt(L, at);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* The table at 3: { failure=, curl=, sent=, cut=, message=, body=, lines={ line, ... } } */
static void read_answer(lua_State *L, struct trail_answer *answer) {
  const char *why = "";
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_getfield(L, 3, "failure");
  answer->failure = (enum trail_status)luaL_checkoption(L, -1, "ok", statuses);
  answer->curl_code = (int)number_field(L, 3, "curl", 0);
  answer->sent = flag_field(L, 3, "sent", true);
  answer->cut = flag_field(L, 3, "cut", false);
  struct trail_slice message = slice_field(L, 3, "message"), body = slice_field(L, 3, "body");
  if (message.size) trail_answer_say(answer, message.bytes);
  if (trail_buffer_append_slice(&answer->body, body) != TRAIL_OK) luaL_error(L, "body refused");
  lua_getfield(L, 3, "lines");
  for (int i = 1; lua_istable(L, -1); i++, lua_pop(L, 1)) {
    lua_rawgeti(L, -1, i);
    if (lua_isnil(L, -1)) break;
    size_t size;
    const char *line = luaL_checklstring(L, -1, &size);
    if (trail_head_line(&answer->head, line, size, &why) != TRAIL_OK)
      luaL_error(L, "head refused: %s", why);
  }
}

static struct fake_attempt *check_attempt(lua_State *L) {
  struct engine_handle *handle = check_engine(L);
  struct fake_attempt *attempt =
      fake_transport_find(handle->fake, (unsigned)luaL_checkinteger(L, 2));
  luaL_argcheck(L, attempt != NULL, 2, "no such attempt under way");
  return attempt;
}

/* engine:reach(serial, answer): how far it has come; told when it is cancelled */
static int reach(lua_State *L) {
  read_answer(L, &check_attempt(L)->answer);
  return 0;
}

/* engine:finish(serial, answer) */
static int finish(lua_State *L) {
  struct fake_attempt *attempt = check_attempt(L);
  read_answer(L, &attempt->answer);
  fake_transport_finish(check_engine(L)->fake, attempt);
  return 0;
}

/* engine:refuse(status): further attempts do not start; "ok" ends it */
static int refuse(lua_State *L) {
  check_engine(L)->fake->refuse = check_status(L, 2);
  return 0;
}

/* engine:waits(text): what the next waits do, a letter each */
static int waits(lua_State *L) {
  struct fake_transport *fake = check_engine(L)->fake;
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  luaL_argcheck(L, size < sizeof fake->waits, 2, "too long");
  memcpy(fake->waits, text, size + 1);
  return 0;
}

/* engine:counts() -> { started=, cancelled=, waited=, wait_until= } of the present transport */
static int counts(lua_State *L) {
  const struct fake_transport *fake = check_engine(L)->fake;
  lua_createtable(L, 0, 4);
  set_number(L, "started", fake->started);
  set_number(L, "cancelled", fake->cancelled);
  set_number(L, "waited", fake->waited);
  set_number(L, "wait_until", (double)fake->wait_until_us);
  return 1;
}

/* ended() -> transports destroyed, transports abandoned, since the process began */
static int ended(lua_State *L) {
  lua_pushnumber(L, fake_transports_destroyed);
  lua_pushnumber(L, fake_transports_abandoned);
  return 2;
}

/* ---- clients --------------------------------------------------------------------------------- */

static void read_options(lua_State *L, struct trail_client_options *options) {
  luaL_checktype(L, 1, LUA_TTABLE);
  *options = (struct trail_client_options){
      .timeout_us = (int64_t)number_field(L, 1, "timeout", 10e6),
      .connect_timeout_us = (int64_t)number_field(L, 1, "connect_timeout", 5e6),
      .deadline_us = (int64_t)number_field(L, 1, "deadline", 90e6),
      .retries = (uint32_t)number_field(L, 1, "retries", 3),
      .backoff = {.base_ms = (uint32_t)number_field(L, 1, "backoff_base", 500),
                  .cap_ms = (uint32_t)number_field(L, 1, "backoff_cap", 8000)},
      .concurrency = (uint32_t)number_field(L, 1, "concurrency", 16),
      .max_response_bytes = (size_t)number_field(L, 1, "max_response_bytes", 1e6),
      .events = flag_field(L, 1, "events", false),
      .paced = flag_field(L, 1, "paced", false),
      .pace_shared = flag_field(L, 1, "pace_shared", false),
      .pacing = {.limit = (uint32_t)number_field(L, 1, "pace_limit", 0)},
  };
  options->base_url = slice_field(L, 1, "base_url").bytes;
  if (!options->base_url) options->base_url = "https://api.test/v1";
  options->headers = slice_field(L, 1, "headers");
}

/* client{ base_url=, headers=, timeout=, ..., key=, tokens= } -> client; times in microseconds.
 * Its origin's retry budget is full, or has that many tokens, so that no spec meets what another
 * has used up. */
static int new_client(lua_State *L) {
  struct trail_client_options options;
  const char *why = "";
  read_options(L, &options);
  struct trail_slice key = slice_field(L, 1, "key");
  struct client_handle *handle = lua_newuserdata(L, sizeof *handle);
  handle->client = NULL;
  luaL_getmetatable(L, CLIENT);
  lua_setmetatable(L, -2);
  if (trail_client_create(&options, &handle->client, &why) != TRAIL_OK)
    return luaL_error(L, "no client: %s", why);
  atomic_store(&handle->client->retry_budget->tokens,
               (uint32_t)number_field(L, 1, "tokens", TRAIL_RETRY_BUDGET_TOKENS));
  struct trail_key_fault fault = {""};
  if (key.bytes && trail_keyring_set(&handle->client->keyring, TRAIL_KEY_OPTION, key, &fault) != 0)
    return luaL_error(L, "no key: %s", fault.text);
  return 1;
}

static int release_client(lua_State *L) {
  struct client_handle *handle = luaL_checkudata(L, 1, CLIENT);
  trail_client_release(handle->client);
  handle->client = NULL;
  return 0;
}

/* client:set_key(key) -> status */
static int set_key(lua_State *L) {
  struct trail_client *client = check_client(L, 1);
  struct trail_slice key;
  struct trail_key_fault fault;
  key.bytes = luaL_checklstring(L, 2, &key.size);
  enum trail_status status = trail_keyring_set(&client->keyring, TRAIL_KEY_OPTION, key, &fault);
  lua_pushstring(L, trail_status_name(status));
  return 1;
}

/* client:set_fallback(key) -> status */
static int set_fallback(lua_State *L) {
  struct trail_client *client = check_client(L, 1);
  struct trail_slice key;
  struct trail_key_fault fault;
  key.bytes = luaL_checklstring(L, 2, &key.size);
  lua_pushstring(L, trail_status_name(trail_keyring_set_fallback(&client->keyring, key, &fault)));
  return 1;
}

/* client:answer_function(key) -> status: what a function key has returned */
static int answer_function(lua_State *L) {
  struct trail_client *client = check_client(L, 1);
  struct trail_slice key;
  struct trail_key_fault fault;
  key.bytes = luaL_checklstring(L, 2, &key.size);
  enum trail_status status = trail_keyring_set(&client->keyring, TRAIL_KEY_FUNCTION, key, &fault);
  lua_pushstring(L, trail_status_name(status));
  return 1;
}

/* client:use_function(): a function gives its key; client:keep_until(time): until when */
static int use_function(lua_State *L) {
  trail_keyring_use_function(&check_client(L, 1)->keyring);
  return 0;
}

static int keep_until(lua_State *L) {
  trail_keyring_keep_until(&check_client(L, 1)->keyring, check_time(L, 2));
  return 0;
}

/* client:question() -> "give_up" | "ask_first" | "ask" | "ask_fallback" */
static int question(lua_State *L) {
  push_question(L, trail_engine_key_question(check_client(L, 1)));
  return 1;
}

/* client:live() -> how many of its calls are not done */
static int live_of_client(lua_State *L) {
  lua_pushnumber(L, (lua_Number)check_client(L, 1)->live);
  return 1;
}

/* client:look() -> { in_flight=, holders=, queued= } */
static int look(lua_State *L) {
  const struct trail_client *client = check_client(L, 1);
  lua_createtable(L, 0, 3);
  set_number(L, "in_flight", client->lane.in_flight);
  set_number(L, "holders", client->holders);
  set_number(L, "queued", client->lane.queued);
  return 1;
}

/* client:rate(now) -> { limit=, remaining=, reset=, resets_in= } | nil */
static int rate(lua_State *L) {
  const struct trail_rate_view *view = &check_client(L, 1)->rate;
  if (!view->known) return 0;
  lua_createtable(L, 0, 4);
  set_number(L, "limit", view->fields.limit);
  set_number(L, "remaining", view->fields.remaining);
  set_number(L, "reset", view->fields.reset);
  set_number(L, "resets_in", trail_client_resets_in(view, check_time(L, 2)));
  return 1;
}

/* client:event() -> the oldest | nil, how many were dropped so far */
static int event(lua_State *L) {
  struct trail_events *events = &check_client(L, 1)->events;
  const struct trail_event *oldest = trail_events_next(events);
  lua_pushnil(L);
  if (oldest) {
    lua_createtable(L, 0, 12);
    set_text(L, "type", trail_event_name(oldest->type));
    set_text(L, "kind", trail_status_name(oldest->kind));
    set_text(L, "method", trail_method_name(oldest->method));
    set_text(L, "url", oldest->url);
    set_text(L, "request_id", oldest->request_id);
    set_number(L, "status", oldest->http_status);
    set_number(L, "attempt", oldest->attempt);
    set_number(L, "id", (double)oldest->id);
    set_number(L, "wait", (double)oldest->wait_us);
    set_number(L, "elapsed", (double)oldest->elapsed_us);
    set_flag(L, "has_rate", oldest->has_rate);
    set_text(L, "reason", oldest->reason);
    lua_replace(L, -2);
  }
  lua_pushnumber(L, (lua_Number)events->dropped);
  return 2;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* call(client, { method=, target=, body=, headers=, idempotency_key=, timeout=, deadline=,
 * retries=, priority= (0 low, 1 normal, 2 high) }) -> call, not yet submitted */
static int new_call(lua_State *L) {
  struct trail_client *client = check_client(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  struct trail_call_spec spec = {
      .timeout_us = (int64_t)number_field(L, 2, "timeout", (lua_Number)client->defaults.timeout_us),
      .deadline_us =
          (int64_t)number_field(L, 2, "deadline", (lua_Number)client->defaults.deadline_us),
      .retries = (uint32_t)number_field(L, 2, "retries", client->defaults.retries),
      .priority =
          (enum trail_pacer_priority)number_field(L, 2, "priority", client->defaults.priority),
  };
  struct trail_slice method = slice_field(L, 2, "method");
  if (!method.bytes) method = trail_slice_text("GET");
  if (!trail_method_from_name(method, &spec.method)) return luaL_error(L, "no such method");
  spec.target = slice_field(L, 2, "target");
  if (!spec.target.bytes) spec.target = trail_slice_text("/v1/x");
  spec.body = slice_field(L, 2, "body");
  spec.has_body = spec.body.bytes != NULL;
  spec.headers = slice_field(L, 2, "headers");
  spec.idempotency_key = slice_field(L, 2, "idempotency_key");
  struct call_handle *handle = lua_newuserdata(L, sizeof *handle);
  handle->call = NULL;
  luaL_getmetatable(L, CALL);
  lua_setmetatable(L, -2);
  if (trail_call_create(client, &spec, &handle->call) != TRAIL_OK)
    return luaL_error(L, "no memory");
  return 1;
}

static int release_call(lua_State *L) {
  struct call_handle *handle = luaL_checkudata(L, 1, CALL);
  trail_call_release(handle->call);
  handle->call = NULL;
  return 0;
}

static void push_history(lua_State *L, const struct trail_call *call) {
  lua_newtable(L);
  for (uint32_t i = 0; i < call->attempts; i++) {
    const struct trail_history *entry = &call->history[i];
    lua_createtable(L, 0, 4);
    set_number(L, "status", entry->http_status);
    set_text(L, "kind", trail_status_name(entry->kind));
    set_number(L, "wait", (double)entry->wait_us);
    set_number(L, "elapsed", (double)entry->elapsed_us);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "history");
}

static void push_answer(lua_State *L, const struct trail_answer *answer) {
  struct trail_slice body = trail_buffer_slice(&answer->body);
  struct trail_slice fields = trail_buffer_slice(&answer->head.fields);
  set_text(L, "failure", trail_status_name(answer->failure));
  set_text(L, "message", answer->message);
  set_number(L, "status", answer->head.status);
  set_flag(L, "complete", answer->head.complete);
  set_bytes(L, "body", body.bytes ? body.bytes : "", body.size);
  set_bytes(L, "fields", fields.bytes ? fields.bytes : "", fields.size);
}

static const char *state_name(enum trail_call_state state) {
  switch (state) {
    case TRAIL_CALL_NEW:
      return "new";
    case TRAIL_CALL_QUEUED:
      return "queued";
    case TRAIL_CALL_IN_FLIGHT:
      return "in_flight";
    case TRAIL_CALL_BACKING_OFF:
      return "backing_off";
    case TRAIL_CALL_AWAITING_KEY:
      return "awaiting_key";
    case TRAIL_CALL_DONE:
      return "done";
  }
  return "?";
}

static const char *limit_name(enum trail_limit limit) {
  switch (limit) {
    case TRAIL_LIMIT_NONE:
      return "none";
    case TRAIL_LIMIT_TIMEOUT:
      return "timeout";
    case TRAIL_LIMIT_CONNECT_TIMEOUT:
      return "connect_timeout";
    case TRAIL_LIMIT_DEADLINE:
      return "deadline";
    case TRAIL_LIMIT_RETRY_BUDGET:
      return "retry_budget";
    case TRAIL_LIMIT_BATCH_DEADLINE:
      return "batch_deadline";
  }
  return "?";
}

/* call:look() -> everything there is to see */
static int look_at_call(lua_State *L) {
  const struct trail_call *call = check_call(L, 1);
  struct trail_slice path = trail_call_path(call);
  lua_createtable(L, 0, 24);
  set_text(L, "state", state_name(call->state));
  set_number(L, "id", (double)call->id);
  set_text(L, "url", call->url);
  set_bytes(L, "path", path.bytes, path.size);
  set_number(L, "attempts", call->attempts);
  set_number(L, "holders", call->holders);
  set_text(L, "result", trail_status_name(call->result));
  set_text(L, "outcome", trail_verdict_outcome_name(call->outcome));
  set_text(L, "limit", limit_name(call->limit));
  set_flag(L, "repeatable", call->repeatable);
  set_number(L, "retry_after_ms", (double)call->retry_after_ms);
  set_number(L, "waited", (double)call->waited_us);
  set_number(L, "elapsed", (double)(call->done_us - call->submitted_us));
  set_text(L, "idempotency_key", trail_call_idempotency_key(call));
  set_flag(L, "has_authorization", call->authorization != NULL);
  set_flag(L, "has_timer", call->timer.place != TRAIL_TIMER_UNSET);
  set_flag(L, "has_rate", call->facts.has_rate);
  push_answer(L, &call->answer);
  if (call->history) push_history(L, call);
  return 1;
}

static int state_of_call(lua_State *L) {
  lua_pushstring(L, state_name(check_call(L, 1)->state));
  return 1;
}

/* ---- the area -------------------------------------------------------------------------------- */

static void register_types(lua_State *L) {
  static const luaL_Reg engine_methods[] = {
      {"submit", submit},
      {"announce", announce},
      {"announce_all", announce_all},
      {"next_finished", next_finished},
      {"news", news},
      {"drop", drop},
      {"take", take},
      {"give_back", give_back},
      {"deaf", deaf},
      {"answered", answered},
      {"advance", advance},
      {"advance_briefly", advance_briefly},
      {"cancel", cancel},
      {"wake", wake},
      {"live", live},
      {"cancel_client", cancel_client},
      {"attempts", attempts},
      {"finish", finish},
      {"reach", reach},
      {"refuse", refuse},
      {"waits", waits},
      {"counts", counts},
      {"replace", replace},
      {"drive", drive},
      {"destroy", destroy_engine},
      {NULL, NULL},
  };
  static const luaL_Reg client_methods[] = {
      {"set_fallback", set_fallback},
      {"answer_function", answer_function},
      {"use_function", use_function},
      {"keep_until", keep_until},
      {"question", question},
      {"set_key", set_key},
      {"look", look},
      {"live", live_of_client},
      {"rate", rate},
      {"event", event},
      {"release", release_client},
      {NULL, NULL},
  };
  static const luaL_Reg call_methods[] = {
      {"look", look_at_call},
      {"state", state_of_call},
      {"release", release_call},
      {NULL, NULL},
  };
  trail_compat_metatable(L, ENGINE, engine_methods, destroy_engine);
  trail_compat_metatable(L, CLIENT, client_methods, release_client);
  trail_compat_metatable(L, CALL, call_methods, release_call);
}

/* new() -> engine */
static int new_engine(lua_State *L) {
  register_types(L);
  struct engine_handle *handle = lua_newuserdata(L, sizeof *handle);
  *handle = (struct engine_handle){0};
  luaL_getmetatable(L, ENGINE);
  lua_setmetatable(L, -2);
  handle->fake = fake_transport_create();
  if (trail_engine_create(&handle->fake->base, &handle->engine) != TRAIL_OK)
    return luaL_error(L, "no memory");
  return 1;
}

const luaL_Reg trail_testing_engine[] = {
    {"new", new_engine}, {"client", new_client}, {"call", new_call}, {"ended", ended}, {NULL, NULL},
};
