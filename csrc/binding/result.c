#include "binding/result.h"

#include <stdlib.h>

#include "base/clock.h"
#include "binding/client.h"
#include "binding/headers.h"
#include "engine/guest.h"

#define FIELD(push, name, value) (push(L, value), lua_setfield(L, -2, name))

static void push_slice(lua_State *L, struct trail_slice slice) {
  lua_pushlstring(L, slice.bytes ? slice.bytes : "", slice.size);
}

static lua_Number seconds(int64_t us) { return (lua_Number)us / 1e6; }

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
  bool identified = call->facts.request_id.size > 0, keyed = call->key_line != NULL;
  lua_createtable(L, 0, 6 + identified + keyed + call->facts.has_rate);
  FIELD(lua_pushinteger, "status", call->answer.head.status);
  /* The key is still there only where the answer sends it back. */
  trail_headers_push(L, &call->answer.head, call->authorization != NULL);
  lua_setfield(L, -2, "headers");
  FIELD(lua_pushinteger, "attempts", (lua_Integer)call->attempts);
  FIELD(lua_pushnumber, "elapsed", seconds(call->done_us - call->submitted_us));
  FIELD(lua_pushstring, "method", trail_method_name(call->method));
  FIELD(lua_pushstring, "url", call->url);
  if (identified) FIELD(push_slice, "request_id", call->facts.request_id);
  if (keyed) FIELD(lua_pushstring, "idempotency_key", trail_call_idempotency_key(call));
  if (call->facts.has_rate) FIELD(push_rate, "rate", call);
}

int trail_result_push(lua_State *L, const struct trail_call *call) {
  bool answered = call->state == TRAIL_CALL_DONE && call->answer.head.complete;
  lua_pushboolean(L, call->state == TRAIL_CALL_DONE && call->result == TRAIL_OK);
  if (!answered) return 1;
  push_slice(L, trail_buffer_slice(&call->answer.body));
  push_response(L, call);
  lua_pushboolean(L, call->answer.open_ended);
  return 4;
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
  static const char *const names[] = {NULL,       "timeout",      "connect_timeout",
                                      "deadline", "retry_budget", "batch_deadline"};
  const int64_t values[] = {
      0, call->timeout_us, call->client->profile.connect_timeout_us, call->deadline_us, 0, 0};
  if (call->limit == TRAIL_LIMIT_NONE) return;
  FIELD(lua_pushstring, "limit", names[call->limit]);
  if (values[call->limit]) FIELD(lua_pushnumber, "seconds", seconds(values[call->limit]));
}

/* The last key goes on, and whoever is told that it does not work has to know why it is the last. */
static void push_key_problem(lua_State *L, int problem) {
  char room[96];
  if (problem > 0)
    lua_pushfstring(L, "the file cannot be read again: %s", strerror_r(problem, room, sizeof room));
  else
    lua_pushliteral(L, "the file holds no key any more");
}

/* Where the key came from, never the key. */
static void push_key_facts(lua_State *L, const struct trail_call *call) {
  struct trail_client_view view;
  trail_guest_look(call->client, call->done_us, &view);
  const char *source = trail_keyring_source_name(view.key_source);
  if (view.key_source == TRAIL_KEY_NONE) return;
  if (view.key_swapped)
    lua_pushliteral(L, "fallback_key");
  else if (view.key_name)
    lua_pushfstring(L, "%s %s", source, view.key_name);
  else
    lua_pushstring(L, source);
  lua_setfield(L, -2, "key_source");
  FIELD(lua_pushboolean, "key_prefixed", view.key_prefixed);
  if (view.key_last4[0]) FIELD(lua_pushstring, "key_last4", view.key_last4);
  if (view.key_source != TRAIL_KEY_FILE || view.key_swapped) return;
  FIELD(lua_pushnumber, "key_age",
        (lua_Number)call->done_wall_ms / 1e3 - (lua_Number)view.key_modified);
  if (view.key_problem) FIELD(push_key_problem, "key_problem", view.key_problem);
}

/* Who wonders why nothing connects should be told of the proxy that is used, and of one that is not:
 * that of the environment, unless it was asked for. */
static void push_proxy(lua_State *L, const struct trail_call *call) {
  static const char *const variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  if (call->client->profile.proxy) FIELD(lua_pushboolean, "proxied", 1);
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
  trail_headers_push(L, &call->answer.head, true);
  lua_setfield(L, -2, "headers");
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
  if (!message) message = call->answer.message;
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
  if (call->key_line) FIELD(lua_pushstring, "idempotency_key", trail_call_idempotency_key(call));
  if (call->keyless) FIELD(lua_pushboolean, "keyless", 1);
  if (call->answer.curl_code) FIELD(lua_pushinteger, "curl", call->answer.curl_code);
  if (call->history) FIELD(push_history, "history", call);
  if (call->answer.head.complete) push_answer_facts(L, call);
  push_retry_time(L, call);
  push_limit(L, call);
  push_key_facts(L, call);
  if (call->result == TRAIL_NETWORK || call->result == TRAIL_TIMEOUT) push_proxy(L, call);
}
