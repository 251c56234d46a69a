#include "binding/result.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "binding/client.h"

#define FIELD(push, name, value) (push(L, value), lua_setfield(L, -2, name))

static void push_slice(lua_State *L, struct trail_slice slice) {
  lua_pushlstring(L, slice.bytes ? slice.bytes : "", slice.size);
}

static lua_Number seconds(int64_t us) { return (lua_Number)us / 1e6; }

/* ---- headers --------------------------------------------------------------------------------- */

static void push_lower(lua_State *L, struct trail_slice name) {
  char lower[128];
  if (name.size > sizeof lower) name.size = sizeof lower;
  for (size_t i = 0; i < name.size; i++) lower[i] = trail_slice_lower(name.bytes[i]);
  lua_pushlstring(L, lower, name.size);
}

/* A folded value is joined by one space, as RFC 9112 section 5.2 tells a user agent. */
static void push_value(lua_State *L, const struct trail_head_field *field) {
  if (!field->folded) {
    push_slice(L, field->value);
    return;
  }
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (size_t i = 0; i < field->value.size; i++) {
    char c = field->value.bytes[i];
    bool gap = c == '\n';
    while (gap && i + 1 < field->value.size &&
           (field->value.bytes[i + 1] == ' ' || field->value.bytes[i + 1] == '\t'))
      i++;
    luaL_addchar(&text, gap ? ' ' : c);
  }
  luaL_pushresult(&text);
}

/* Cookies cannot be joined by commas (RFC 6265, section 3), so they make an array. */
static void add_cookie(lua_State *L, int headers, const struct trail_head_field *field) {
  lua_getfield(L, headers, "set-cookie");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, headers, "set-cookie");
  }
  push_value(L, field);
  lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

static void add_header(lua_State *L, int headers, const struct trail_head_field *field) {
  push_lower(L, field->name);
  lua_pushvalue(L, -1);
  lua_rawget(L, headers);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    push_value(L, field);
  } else {
    lua_pushliteral(L, ", ");
    push_value(L, field);
    lua_concat(L, 3);
  }
  lua_rawset(L, headers);
}

static void push_headers(lua_State *L, const struct trail_head *head) {
  struct trail_slice cookie = trail_slice_text("set-cookie");
  struct trail_head_field field;
  lua_createtable(L, 0, 12);
  int headers = lua_gettop(L);
  for (size_t cursor = 0; trail_head_next(head, &cursor, &field);) {
    if (trail_slice_same_nocase(field.name, cookie))
      add_cookie(L, headers, &field);
    else
      add_header(L, headers, &field);
  }
}

/* ---- the response ---------------------------------------------------------------------------- */

static void push_rate(lua_State *L, const struct trail_call *call) {
  struct trail_rate_view view = {
      .fields = call->facts.rate,
      .server_date = call->facts.date,
      .seen_us = call->done_us,
      .seen_wall_ms = call->done_wall_ms,
  };
  trail_client_push_rate(L, &view, call->done_us);
}

static void push_response(lua_State *L, const struct trail_call *call) {
  lua_createtable(L, 0, 10);
  FIELD(lua_pushinteger, "status", call->answer.head.status);
  FIELD(push_headers, "headers", &call->answer.head);
  FIELD(lua_pushinteger, "attempts", (lua_Integer)call->attempts);
  FIELD(lua_pushnumber, "elapsed", seconds(call->done_us - call->submitted_us));
  FIELD(lua_pushstring, "method", trail_method_name(call->method));
  FIELD(lua_pushstring, "url", call->url);
  if (call->facts.request_id.size) FIELD(push_slice, "request_id", call->facts.request_id);
  if (call->idempotency_key) FIELD(lua_pushstring, "idempotency_key", call->idempotency_key);
  if (call->facts.has_rate) FIELD(push_rate, "rate", call);
}

int trail_result_push(lua_State *L, const struct trail_call *call) {
  bool answered = call->state == TRAIL_CALL_DONE && call->answer.head.complete;
  lua_pushboolean(L, call->state == TRAIL_CALL_DONE && call->result == TRAIL_OK);
  if (!answered) return 1;
  push_slice(L, trail_buffer_slice(&call->answer.body));
  push_response(L, call);
  return 3;
}

/* ---- failures -------------------------------------------------------------------------------- */

static void push_history(lua_State *L, const struct trail_call *call) {
  lua_createtable(L, (int)call->attempts, 0);
  for (uint32_t i = 0; i < call->attempts; i++) {
    const struct trail_history *entry = &call->history[i];
    lua_createtable(L, 0, 4);
    if (entry->http_status) FIELD(lua_pushinteger, "status", entry->http_status);
    if (entry->kind != TRAIL_OK) FIELD(lua_pushstring, "kind", trail_status_name(entry->kind));
    FIELD(lua_pushnumber, "wait", seconds(entry->wait_us));
    FIELD(lua_pushnumber, "elapsed", seconds(entry->elapsed_us));
    lua_rawseti(L, -2, (int)i + 1);
  }
}

/* Which of the caller's limits ran out, and its value in seconds. */
static void push_limit(lua_State *L, const struct trail_call *call) {
  static const char *const names[] = {NULL, "timeout", "connect_timeout", "deadline",
                                      "retry_budget"};
  const int64_t values[] = {0, call->timeout_us, call->client->profile.connect_timeout_us,
                            call->deadline_us, 0};
  if (call->limit == TRAIL_LIMIT_NONE) return;
  FIELD(lua_pushstring, "limit", names[call->limit]);
  if (values[call->limit]) FIELD(lua_pushnumber, "seconds", seconds(values[call->limit]));
}

/* Where the key came from, never the key. */
static void push_key_facts(lua_State *L, const struct trail_call *call) {
  const struct trail_keyring *keyring = &call->client->keyring;
  const char *source = trail_keyring_source_name(keyring->source);
  if (keyring->source == TRAIL_KEY_NONE) return;
  if (keyring->swapped)
    lua_pushliteral(L, "fallback_key");
  else if (keyring->name)
    lua_pushfstring(L, "%s %s", source, keyring->name);
  else
    lua_pushstring(L, source);
  lua_setfield(L, -2, "key_source");
  FIELD(lua_pushboolean, "key_prefixed", keyring->current.prefixed);
  if (keyring->current.last4[0]) FIELD(lua_pushstring, "key_last4", keyring->current.last4);
  if (keyring->source == TRAIL_KEY_FILE && !keyring->swapped)
    FIELD(lua_pushnumber, "key_age",
          (lua_Number)call->done_wall_ms / 1e3 - (lua_Number)keyring->file.modified.tv_sec);
}

/* A proxy of the environment is not used unless asked for; who wonders why nothing connects should
 * be told. */
static void push_ignored_proxy(lua_State *L, const struct trail_call *call) {
  static const char *const variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  if (call->client->profile.proxy || call->client->profile.plain_http) return;
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    const char *value = getenv(variables[i]);
    if (!value || !*value) continue;
    FIELD(lua_pushstring, "ignored_proxy", variables[i]);
    return;
  }
}

static void push_answer_facts(lua_State *L, const struct trail_call *call) {
  FIELD(lua_pushinteger, "status", call->answer.head.status);
  FIELD(push_headers, "headers", &call->answer.head);
  if (call->facts.request_id.size) FIELD(push_slice, "request_id", call->facts.request_id);
}

/* When the server, or the pacer, says that the call may be made again. */
static void push_retry_time(lua_State *L, const struct trail_call *call) {
  if (call->retry_after_ms < 0) return;
  FIELD(lua_pushnumber, "retry_after", (lua_Number)call->retry_after_ms / 1e3);
  FIELD(lua_pushnumber, "retry_at", (lua_Number)(call->done_wall_ms + call->retry_after_ms) / 1e3);
}

/* The contract knows no kind for want of memory: the request failed here, and may succeed later. */
static const char *kind_of(enum trail_status status) {
  return trail_status_name(status == TRAIL_NO_MEMORY ? TRAIL_NETWORK : status);
}

void trail_result_push_failure(lua_State *L, const struct trail_call *call, const char *kind,
                               const char *message) {
  bool found_later = kind != NULL;
  if (!message && call->answer.message[0]) message = call->answer.message;
  lua_createtable(L, 0, 24);
  FIELD(lua_pushstring, "kind", kind ? kind : kind_of(call->result));
  if (message) FIELD(lua_pushstring, "message", message);
  FIELD(lua_pushstring, "method", trail_method_name(call->method));
  FIELD(push_slice, "path", trail_call_path(call));
  FIELD(lua_pushinteger, "attempts", (lua_Integer)call->attempts);
  FIELD(lua_pushnumber, "elapsed", seconds(call->done_us - call->submitted_us));
  FIELD(lua_pushnumber, "time", (lua_Number)call->done_wall_ms / 1e3);
  FIELD(lua_pushstring, "outcome", trail_verdict_outcome_name(call->outcome));
  FIELD(lua_pushboolean, "retryable", call->repeatable && !found_later);
  if (call->idempotency_key) FIELD(lua_pushstring, "idempotency_key", call->idempotency_key);
  if (call->answer.curl_code) FIELD(lua_pushinteger, "curl", call->answer.curl_code);
  if (call->history) FIELD(push_history, "history", call);
  if (call->answer.head.complete) push_answer_facts(L, call);
  push_retry_time(L, call);
  push_limit(L, call);
  push_key_facts(L, call);
  if (call->result == TRAIL_NETWORK || call->result == TRAIL_TIMEOUT) push_ignored_proxy(L, call);
}
