/* What a server of HTTP/2 says, from a text, and what it hears, as requests. */
#ifndef TRAIL_FUZZ_HTTP2_FRAMES_H
#define TRAIL_FUZZ_HTTP2_FRAMES_H

#include <nghttp2/nghttp2.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum http2_type {
  HTTP2_DATA,
  HTTP2_HEADERS,
  HTTP2_PRIORITY,
  HTTP2_RST_STREAM,
  HTTP2_SETTINGS,
  HTTP2_PUSH_PROMISE,
  HTTP2_PING,
  HTTP2_GOAWAY,
  HTTP2_WINDOW_UPDATE,
  HTTP2_CONTINUATION
};

enum http2_flag {
  HTTP2_END_STREAM = 1, /* of SETTINGS and PING: ACK */
  HTTP2_END_HEADERS = 4,
  HTTP2_PADDED = 8,
  HTTP2_PRIORITISED = 32
};

struct http2_frame {
  unsigned type, flags;
  uint32_t stream;
  struct trail_slice payload;
};

/* The next whole frame of the bytes; false where there is none. */
bool http2_frame_next(struct trail_slice *bytes, struct http2_frame *frame);
/* Its payload without padding and priority; false where they do not fit in. */
bool http2_frame_trim(struct http2_frame *frame);

/* Gives each field of a block to `note`; false where it is no such. */
typedef void http2_note(void *context, struct trail_slice name, struct trail_slice value);
bool http2_fields(nghttp2_hd_inflater *inflater, struct trail_slice block, http2_note *note,
                  void *context);

/* A line for each frame: a letter of "dhprsuigwc" for its type, the flags (two hex digits), the
 * stream (a digit), then a space and the payload: fields as "name: value|name: value", numbers
 * of four bytes each for r, g and w, "id=value" of settings, for all others bytes, where \xHH is
 * one and \n an end of line. What is no such line goes out as it is, as bytes. */
void http2_compile(struct trail_slice lines, struct trail_buffer *out);

#endif
