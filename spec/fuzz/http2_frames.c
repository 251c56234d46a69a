#include "http2_frames.h"

#include <stdlib.h>

#include "fuzz.h"

enum { HEADER = 9 };

static void put(struct trail_buffer *out, struct trail_slice bytes) {
  CHECK(trail_buffer_append(out, bytes.bytes, bytes.size) == TRAIL_OK);
}

static void put_number(struct trail_buffer *out, uint32_t number, int size) {
  while (size--) {
    char byte = (char)(number >> (8 * size));
    put(out, trail_slice_of(&byte, 1));
  }
}

static uint32_t number_at(const char *bytes, int size) {
  uint32_t number = 0;
  for (int i = 0; i < size; i++) number = number << 8 | (uint8_t)bytes[i];
  return number;
}

/* ---- reading --------------------------------------------------------------------------------- */

bool http2_frame_next(struct trail_slice *bytes, struct http2_frame *frame) {
  if (bytes->size < HEADER) return false;
  size_t size = number_at(bytes->bytes, 3);
  if (bytes->size - HEADER < size) return false;
  frame->type = (uint8_t)bytes->bytes[3];
  frame->flags = (uint8_t)bytes->bytes[4];
  frame->stream = number_at(bytes->bytes + 5, 4) & 0x7fffffff;
  frame->payload = trail_slice_of(bytes->bytes + HEADER, size);
  *bytes = trail_slice_from(*bytes, HEADER + size);
  return true;
}

bool http2_frame_trim(struct http2_frame *frame) {
  size_t padding = 0;
  if (frame->flags & HTTP2_PADDED) {
    if (!frame->payload.size) return false;
    padding = (uint8_t)frame->payload.bytes[0];
    frame->payload = trail_slice_from(frame->payload, 1);
  }
  if (frame->type == HTTP2_HEADERS && frame->flags & HTTP2_PRIORITISED) {
    if (frame->payload.size < 5) return false;
    frame->payload = trail_slice_from(frame->payload, 5);
  }
  if (frame->payload.size < padding) return false;
  frame->payload.size -= padding;
  return true;
}

bool http2_fields(nghttp2_hd_inflater *inflater, struct trail_slice block, http2_note *note,
                  void *context) {
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, (const uint8_t *)block.bytes,
                                          block.size, 1);
    if (used < 0) return false;
    block = trail_slice_from(block, (size_t)used);
    if (flags & NGHTTP2_HD_INFLATE_EMIT)
      note(context, trail_slice_of((char *)field.name, field.namelen),
           trail_slice_of((char *)field.value, field.valuelen));
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && !block.size) break;
  }
  return nghttp2_hd_inflate_end_headers(inflater) == 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int hex(char c) {
  const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;
  return at ? (int)(at - digits) : -1;
}

static void put_escaped(struct trail_buffer *out, struct trail_slice text) {
  for (size_t i = 0; i < text.size; i++) {
    char byte = text.bytes[i];
    bool escape = byte == '\\' && i + 1 < text.size;
    if (escape && text.bytes[i + 1] == 'n') {
      byte = '\n';
      i++;
    } else if (escape && text.bytes[i + 1] == 'x' && i + 3 < text.size &&
               hex(text.bytes[i + 2]) >= 0 && hex(text.bytes[i + 3]) >= 0) {
      byte = (char)(hex(text.bytes[i + 2]) * 16 + hex(text.bytes[i + 3]));
      i += 3;
    }
    put(out, trail_slice_of(&byte, 1));
  }
}

/* A string of HPACK (RFC 7541, section 5.2), spelt out. */
static void put_string(struct trail_buffer *out, struct trail_slice text) {
  size_t size = text.size;
  put_number(out, size < 127 ? (uint32_t)size : 127, 1);
  if (size >= 127) {
    for (size -= 127; size >= 128; size /= 128) put_number(out, (uint32_t)(size % 128 + 128), 1);
    put_number(out, (uint32_t)size, 1);
  }
  put(out, text);
}

/* Up to the mark, which goes, or to the end. */
static struct trail_slice take_to(struct trail_slice *rest, char mark) {
  const char *end = rest->size ? memchr(rest->bytes, mark, rest->size) : NULL;
  struct trail_slice part = {rest->bytes, end ? (size_t)(end - rest->bytes) : rest->size};
  *rest = trail_slice_from(*rest, end ? part.size + 1 : part.size);
  return part;
}

static void put_fields(struct trail_buffer *out, struct trail_slice text) {
  while (text.size) {
    struct trail_slice field = take_to(&text, '|');
    const char *colon = field.size > 2 ? memmem(field.bytes, field.size, ": ", 2) : NULL;
    size_t name = colon ? (size_t)(colon - field.bytes) : field.size;
    put_number(out, 0, 1); /* not indexed */
    put_string(out, trail_slice_of(field.bytes, name));
    put_string(out, trail_slice_from(field, colon ? name + 2 : name));
  }
}

static uint32_t take_number(struct trail_slice *rest, char mark) {
  struct trail_slice digits = take_to(rest, mark);
  uint32_t number = 0;
  for (size_t i = 0; i < digits.size; i++) number = number * 10 + ((uint8_t)digits.bytes[i] & 15);
  return number;
}

static void put_payload(struct trail_buffer *out, unsigned type, struct trail_slice text) {
  switch (type) {
    case HTTP2_HEADERS:
      put_fields(out, text);
      break;
    case HTTP2_RST_STREAM:
    case HTTP2_GOAWAY:
    case HTTP2_WINDOW_UPDATE:
      while (text.size) put_number(out, take_number(&text, ' '), 4);
      break;
    case HTTP2_SETTINGS:
      while (text.size) {
        put_number(out, take_number(&text, '='), 2);
        put_number(out, take_number(&text, ' '), 4);
      }
      break;
    default:
      put_escaped(out, text);
  }
}

static bool put_frame(struct trail_buffer *out, struct trail_slice line) {
  static const char types[] = "dhprsuigwc";
  const char *at = line.bytes;
  const char *type = line.size >= 4 && *at ? strchr(types, *at) : NULL;
  if (!type || hex(at[1]) < 0 || hex(at[2]) < 0 || hex(at[3]) < 0) return false;
  struct trail_buffer payload;
  trail_buffer_init(&payload, SIZE_MAX / 2);
  put_payload(&payload, (unsigned)(type - types), trail_slice_from(line, line.size > 4 ? 5 : 4));
  put_number(out, (uint32_t)payload.size, 3);
  put_number(out, (uint32_t)(type - types), 1);
  put_number(out, (uint32_t)(hex(at[1]) * 16 + hex(at[2])), 1);
  put_number(out, (uint32_t)hex(at[3]), 4);
  put(out, trail_buffer_slice(&payload));
  trail_buffer_clear(&payload);
  return true;
}

void http2_compile(struct trail_slice lines, struct trail_buffer *out) {
  while (lines.size) {
    struct trail_slice line = fuzz_line(&lines);
    if (!put_frame(out, line)) put_escaped(out, line);
  }
}
