#include "engine/call.h"

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"

#define KEY_HEADER "Idempotency-Key: "

static atomic_uint_fast64_t calls_made;

static void destroy(struct trail_call *call) {
  trail_answer_clear(&call->answer);
  trail_secret_release(call->authorization);
  trail_memory_free(call->body);
  trail_memory_free(call->history);
  trail_memory_free(call->job);
  trail_client_release(call->client);
  trail_memory_free(call);
}

static char *put(char *to, const void *bytes, size_t size) {
  if (size) memcpy(to, bytes, size);
  return to + size;
}

static char *build_url(struct trail_call *call, struct trail_slice target) {
  struct trail_slice origin = trail_slice_text(call->client->origin.text);
  char *path = put(call->url, origin.bytes, origin.size);
  char *end = put(path, target.bytes, target.size);
  call->path_at = (uint32_t)origin.size;
  call->path_size = (uint32_t)strcspn(path, "?");
  return end + 1;
}

/* Most calls add nothing to their client's lines but the key, and share them. */
static void build_headers(struct trail_call *call, const struct trail_call_spec *spec, char *own) {
  const struct trail_client *client = call->client;
  call->headers = spec->json ? client->json_headers : client->headers;
  if (spec->headers.size) {
    call->headers = own;
    own = put(own, spec->headers.bytes, spec->headers.size) + 1;
  }
  if (!spec->idempotency_key.size) return;
  call->key_line = own;
  put(own, KEY_HEADER, sizeof KEY_HEADER - 1);
  put(own + sizeof KEY_HEADER - 1, spec->idempotency_key.bytes, spec->idempotency_key.size);
}

/* What `url` and the lines behind it take, with the NULs behind them. */
static size_t text_size(const struct trail_client *client, const struct trail_call_spec *spec) {
  size_t size = strlen(client->origin.text) + spec->target.size + 1;
  if (spec->headers.size) size += spec->headers.size + 1;
  if (spec->idempotency_key.size) size += sizeof KEY_HEADER + spec->idempotency_key.size + 1;
  return size;
}

static bool build_body(struct trail_call *call, const struct trail_call_spec *spec) {
  if (!spec->has_body) return true;
  call->body = trail_memory_copy(spec->body.bytes, spec->body.size);
  call->body_size = spec->body.size;
  return call->body != NULL;
}

enum trail_status trail_call_create(struct trail_client *client, const struct trail_call_spec *spec,
                                    struct trail_call **out) {
  struct trail_call *call = trail_memory_zalloc(1, sizeof *call + text_size(client, spec));
  *out = NULL;
  if (!call) return TRAIL_NO_MEMORY;
  atomic_init(&call->holders, 1);
  call->id = atomic_fetch_add(&calls_made, 1) + 1;
  call->client = trail_client_retain(client);
  call->timer.place = TRAIL_TIMER_UNSET;
  call->method = spec->method;
  call->timeout_us = spec->timeout_us;
  call->deadline_us = spec->deadline_us;
  call->retries = (uint8_t)(spec->retries < TRAIL_RETRIES_MAX ? spec->retries : TRAIL_RETRIES_MAX);
  call->priority = spec->priority;
  call->keyless = spec->keyless;
  call->retry_after_ms = -1;
  call->outcome = TRAIL_OUTCOME_NOT_SENT;
  trail_answer_init(&call->answer, client->profile.max_response_bytes);
  build_headers(call, spec, build_url(call, spec->target));
  if (!build_body(call, spec)) {
    destroy(call);
    return TRAIL_NO_MEMORY;
  }
  *out = call;
  return TRAIL_OK;
}

struct trail_call *trail_call_retain(struct trail_call *call) {
  atomic_fetch_add_explicit(&call->holders, 1, memory_order_relaxed);
  return call;
}

void trail_call_release(struct trail_call *call) {
  if (call && atomic_fetch_sub_explicit(&call->holders, 1, memory_order_acq_rel) == 1)
    destroy(call);
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

const char *trail_call_idempotency_key(const struct trail_call *call) {
  return call->key_line ? call->key_line + sizeof KEY_HEADER - 1 : NULL;
}

struct trail_slice trail_call_path(const struct trail_call *call) {
  struct trail_slice path = trail_slice_of(call->url + call->path_at, call->path_size);
  struct trail_slice base = trail_slice_text(call->client->origin.path);
  bool below = path.size > base.size && path.bytes[base.size] == '/' &&
               memcmp(path.bytes, base.bytes, base.size) == 0;
  return below ? trail_slice_from(path, base.size) : path;
}
