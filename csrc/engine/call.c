#include "engine/call.h"

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"

#define KEY_HEADER "Idempotency-Key: "

static atomic_uint_fast64_t calls_made;

static void destroy(struct trail_call *call) {
  trail_answer_clear(&call->answer);
  trail_secret_release(call->authorization);
  trail_memory_free(call->url);
  trail_memory_free(call->own_headers);
  trail_memory_free(call->body);
  trail_memory_free(call->history);
  trail_client_release(call->client);
  trail_memory_free(call);
}

static bool build_url(struct trail_call *call, struct trail_slice target) {
  const char *origin = call->client->origin.text;
  size_t start = strlen(origin);
  call->url = trail_memory_alloc(start + target.size + 1);
  if (!call->url) return false;
  memcpy(call->url, origin, start);
  memcpy(call->url + start, target.bytes, target.size);
  call->url[start + target.size] = '\0';
  call->path_at = start;
  call->path_size = strcspn(call->url + start, "?");
  return true;
}

static size_t lines_size(const char *lines) {
  const char *end = lines;
  while (*end) end += strlen(end) + 1;
  return (size_t)(end - lines);
}

static char *put(char *to, const void *bytes, size_t size) {
  if (size) memcpy(to, bytes, size);
  return to + size;
}

/* Most calls add nothing to the client's headers and then share them. */
static bool build_headers(struct trail_call *call, const struct trail_call_spec *spec) {
  struct trail_slice lines = spec->headers;
  call->headers = call->client->headers;
  if (!lines.size && !spec->idempotency_key.size) return true;
  if (!lines.size) lines = trail_slice_of(call->headers, lines_size(call->headers));
  size_t name = sizeof KEY_HEADER - 1;
  call->own_headers = trail_memory_zalloc(1, lines.size + name + spec->idempotency_key.size + 2);
  if (!call->own_headers) return false;
  char *end = put(call->own_headers, lines.bytes, lines.size);
  if (spec->idempotency_key.size) {
    end = put(end, KEY_HEADER, name);
    call->idempotency_key = end;
    put(end, spec->idempotency_key.bytes, spec->idempotency_key.size);
  }
  call->headers = call->own_headers;
  return true;
}

static bool build_body(struct trail_call *call, const struct trail_call_spec *spec) {
  if (!spec->has_body) return true;
  call->body = trail_memory_copy(spec->body.bytes, spec->body.size);
  call->body_size = spec->body.size;
  return call->body != NULL;
}

enum trail_status trail_call_create(struct trail_client *client, const struct trail_call_spec *spec,
                                    struct trail_call **out) {
  struct trail_call *call = trail_memory_zalloc(1, sizeof *call);
  *out = NULL;
  if (!call) return TRAIL_NO_MEMORY;
  call->holders = 1;
  call->id = atomic_fetch_add(&calls_made, 1) + 1;
  call->client = trail_client_retain(client);
  call->timer.place = TRAIL_TIMER_UNSET;
  call->method = spec->method;
  call->timeout_us = spec->timeout_us;
  call->deadline_us = spec->deadline_us;
  call->retries = spec->retries < TRAIL_RETRIES_MAX ? spec->retries : TRAIL_RETRIES_MAX;
  call->priority = spec->priority;
  call->retry_after_ms = -1;
  call->outcome = TRAIL_OUTCOME_NOT_SENT;
  trail_answer_init(&call->answer, client->profile.max_response_bytes);
  if (!build_url(call, spec->target) || !build_headers(call, spec) || !build_body(call, spec)) {
    destroy(call);
    return TRAIL_NO_MEMORY;
  }
  *out = call;
  return TRAIL_OK;
}

struct trail_call *trail_call_retain(struct trail_call *call) {
  call->holders++;
  return call;
}

void trail_call_release(struct trail_call *call) {
  if (call && --call->holders == 0) destroy(call);
}

void trail_call_remember(struct trail_call *call, int http_status, enum trail_status kind,
                         int64_t elapsed_us) {
  if (!call->history) {
    if (kind == TRAIL_OK) return; /* the usual case costs nothing */
    call->history =
        trail_memory_zalloc(call->retries + 1 + TRAIL_KEY_TRIES_MAX, sizeof *call->history);
    if (!call->history) return; /* the error itself is not lost for want of its history */
  }
  if (call->attempts == 0 || call->attempts > call->retries + 1 + TRAIL_KEY_TRIES_MAX) return;
  call->history[call->attempts - 1] = (struct trail_history){
      .http_status = http_status,
      .kind = kind,
      .wait_us = call->waited_us,
      .elapsed_us = elapsed_us,
  };
}

void trail_call_forget_key(struct trail_call *call) {
  trail_secret_release(call->authorization);
  call->authorization = NULL;
}

struct trail_slice trail_call_path(const struct trail_call *call) {
  struct trail_slice path = trail_slice_of(call->url + call->path_at, call->path_size);
  struct trail_slice base = trail_slice_text(call->client->origin.path);
  bool below = path.size > base.size && path.bytes[base.size] == '/' &&
               memcmp(path.bytes, base.bytes, base.size) == 0;
  return below ? trail_slice_from(path, base.size) : path;
}
