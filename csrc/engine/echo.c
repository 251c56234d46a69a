#include "engine/echo.h"

#include <string.h>

static void mask(char *bytes, size_t size, struct trail_slice key) {
  if (size == 0) return; /* then there may be no storage */
  char *end = bytes + size;
  for (char *at = bytes; (at = memmem(at, (size_t)(end - at), key.bytes, key.size));
       at += key.size)
    memset(at, '*', key.size);
}

static bool holds(struct trail_slice text, struct trail_slice key) {
  return text.size && memmem(text.bytes, text.size, key.bytes, key.size);
}

bool trail_echo_found(const struct trail_call *call) {
  if (!call->authorization) return false;
  struct trail_slice key = trail_key_of(call->authorization);
  return holds(trail_buffer_slice(&call->answer.body), key) ||
         holds(trail_buffer_slice(&call->answer.head.fields), key);
}

void trail_echo_hide(struct trail_call *call) {
  if (!call->authorization) return;
  struct trail_slice key = trail_key_of(call->authorization);
  struct trail_answer *answer = &call->answer;
  mask(answer->body.bytes, answer->body.size, key);
  mask(answer->head.fields.bytes, answer->head.fields.size, key);
  if (answer->message) mask(answer->message, strlen(answer->message), key);
}
