/* A server's end of HTTP/2 on a wire, through libnghttp2.
 *
 * What the library would not send goes over the wire beside it, once `fault_http2_flush` has sent
 * what it still held.
 */
#ifndef FAULT_HTTP2_H
#define FAULT_HTTP2_H

#include <stdbool.h>
#include <stdint.h>

#include "fault_wire.h"

struct fault_http2;

struct fault_http2_answer {
  const char *status;
  long content_length; /* -1: not said */
  bool end;            /* whether the body ends the stream */
  const char *body;
  size_t body_size;
};

struct fault_http2 *fault_http2_create(struct fault_wire *wire, unsigned connection);
void fault_http2_destroy(struct fault_http2 *http2);

/* Goes on until a whole request has come, which then is the current one. */
bool fault_http2_read(struct fault_http2 *http2);
/* These are for the current request's stream. */
bool fault_http2_answer(struct fault_http2 *http2, const struct fault_http2_answer *answer);
bool fault_http2_reset(struct fault_http2 *http2, uint32_t code);
bool fault_http2_go_away(struct fault_http2 *http2, int32_t last_stream, uint32_t code);
bool fault_http2_ping(struct fault_http2 *http2);
bool fault_http2_flush(struct fault_http2 *http2);

#endif
