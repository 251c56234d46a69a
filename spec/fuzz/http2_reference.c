#include "http2_reference.h"

#include <stdlib.h>

#include "fuzz.h"

enum { PLAIN_FIELDS = 40, PLAIN_PAYLOAD = 16384, REFUSED_STREAM = 7 };

struct parse {
  struct http2_reference *is;
  nghttp2_hd_inflater *inflater;
  bool bodiless;
  uint32_t opened;
  /* Of the block that is being read: */
  struct trail_buffer block;
  struct http2_frame begun;
  struct http2_answer *of;
  int status, fields;
};

static void unusual(struct parse *parse) { parse->is->plain = false; }

static struct http2_answer *answer_on(struct parse *parse, uint32_t stream) {
  struct http2_reference *is = parse->is;
  if (stream > parse->opened) unusual(parse);
  for (int i = 0; i < is->count; i++)
    if (is->answers[i].stream == stream) return &is->answers[i];
  unsigned odd = stream & 1;
  if (!odd || is->count == HTTP2_STREAMS) {
    unusual(parse);
    return NULL;
  }
  struct http2_answer *answer = &is->answers[is->count++];
  *answer = (struct http2_answer){.stream = stream, .length = -1};
  trail_buffer_init(&answer->body, SIZE_MAX / 2);
  return answer;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static bool is_visible(struct trail_slice value) {
  for (size_t i = 0; i < value.size; i++)
    if ((unsigned char)value.bytes[i] <= ' ' || (unsigned char)value.bytes[i] >= 0x7f) return false;
  return true;
}

static bool is_plain_name(struct trail_slice name) {
  if (name.size < 3 || memcmp(name.bytes, "x-", 2) != 0) return false;
  for (size_t i = 2; i < name.size; i++)
    if (name.bytes[i] < 'a' || name.bytes[i] > 'z') return false;
  return true;
}

/* -1 where it is none. */
static long long number_of(struct trail_slice digits) {
  long long number = 0;
  if (digits.size == 0 || digits.size > 18) return -1;
  for (size_t i = 0; i < digits.size; i++) {
    if (digits.bytes[i] < '0' || digits.bytes[i] > '9') return -1;
    number = number * 10 + (digits.bytes[i] & 15);
  }
  return number;
}

static void note(void *context, struct trail_slice name, struct trail_slice value) {
  struct parse *parse = context;
  bool status = trail_slice_same(name, trail_slice_text(":status"));
  bool length = trail_slice_same(name, trail_slice_text("content-length"));
  bool first = parse->fields++ == 0;
  if (parse->fields > PLAIN_FIELDS || first != status) unusual(parse);
  if (!is_visible(value) || (!status && !length && !is_plain_name(name))) unusual(parse);
  if (status && !parse->status) parse->status = value.size == 3 ? (int)number_of(value) : -1;
  if (!parse->of) return;
  if (trail_slice_same(name, trail_slice_text("content-encoding"))) parse->of->zipped = true;
  if (!length) return;
  if (parse->of->length >= 0 || number_of(value) < 0) unusual(parse);
  parse->of->length = number_of(value);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static bool is_empty(const struct parse *parse, const struct http2_answer *answer) {
  return parse->bodiless || answer->status == 204 || answer->status == 304;
}

/* What comes behind an answer's last byte does not undo it. */
static void look_whether_filled(const struct parse *parse, struct http2_answer *answer) {
  bool filled = answer->length >= 0 && (long long)answer->body.size >= answer->length;
  if (answer->headed && !answer->broken && !answer->reset && (filled || is_empty(parse, answer)))
    answer->filled = true;
}

static void end_stream(struct parse *parse, struct http2_answer *answer) {
  bool empty = is_empty(parse, answer);
  bool fits = answer->length < 0 || answer->length == (long long)answer->body.size;
  if (empty && answer->body.size) unusual(parse);
  if (answer->status == 204 && answer->length >= 0) unusual(parse);
  answer->ended = true;
  answer->whole = answer->headed && !answer->broken && !answer->reset && (empty || fits);
}

/* False: nothing behind it can be read. */
static bool end_block(struct parse *parse) {
  const struct http2_frame *begun = &parse->begun;
  struct http2_answer *answer =
      begun->type == HTTP2_HEADERS ? answer_on(parse, begun->stream) : NULL;
  bool ends = begun->flags & HTTP2_END_STREAM;
  parse->of = answer && !answer->ended && !answer->headed ? answer : NULL;
  parse->status = parse->fields = 0;
  if (!http2_fields(parse->inflater, trail_buffer_slice(&parse->block), note, parse)) return false;
  trail_buffer_clear(&parse->block);
  if (!parse->of) unusual(parse);
  if (!answer || answer->ended) return true;
  if (answer->headed && !ends) answer->broken = true;
  if (!answer->headed && parse->status < 200) {
    unusual(parse);
    answer->length = -1;
    answer->zipped = false;
    if (ends || parse->status < 100) answer->broken = true;
  } else if (!answer->headed) {
    answer->headed = true;
    answer->status = parse->status;
    if (parse->status > 599) unusual(parse);
  }
  look_whether_filled(parse, answer);
  if (ends) end_stream(parse, answer);
  return true;
}

/* A promise begins with the stream that is promised. */
static bool read_block(struct parse *parse, struct http2_frame *frame) {
  if (frame->type != HTTP2_HEADERS || frame->flags & ~5u) unusual(parse);
  if (frame->type != HTTP2_CONTINUATION) {
    if (!http2_frame_trim(frame)) return false;
    if (frame->type == HTTP2_PUSH_PROMISE && frame->payload.size < 4) return false;
    if (frame->type == HTTP2_PUSH_PROMISE) frame->payload = trail_slice_from(frame->payload, 4);
    parse->begun = *frame;
  }
  CHECK(trail_buffer_append_slice(&parse->block, frame->payload) == TRAIL_OK);
  if (frame->flags & HTTP2_END_HEADERS) return end_block(parse);
  unusual(parse);
  return true;
}

static bool read_data(struct parse *parse, struct http2_frame *frame) {
  struct http2_answer *answer = answer_on(parse, frame->stream);
  if (frame->flags & ~1u) unusual(parse);
  if (!http2_frame_trim(frame)) return false;
  if (!answer || answer->ended || !answer->headed) {
    unusual(parse);
    if (answer) answer->broken = !answer->ended;
    return true;
  }
  CHECK(trail_buffer_append_slice(&answer->body, frame->payload) == TRAIL_OK);
  look_whether_filled(parse, answer);
  if (frame->flags & HTTP2_END_STREAM) end_stream(parse, answer);
  return true;
}

static void read_reset(struct parse *parse, const struct http2_frame *frame) {
  bool late = !parse->is->plain;
  struct http2_answer *answer = answer_on(parse, frame->stream);
  unusual(parse);
  if (!answer || answer->ended || frame->payload.size != 4) return; /* of another size it is none */
  if (!answer->reset) answer->late = late;
  answer->reset = true;
  answer->refused = frame->payload.bytes[3] == REFUSED_STREAM;
}

static bool read_frame(struct parse *parse, struct http2_frame *frame) {
  if (frame->payload.size > PLAIN_PAYLOAD) unusual(parse);
  switch (frame->type) {
    case HTTP2_DATA:
      return read_data(parse, frame);
    case HTTP2_HEADERS:
    case HTTP2_PUSH_PROMISE:
    case HTTP2_CONTINUATION:
      return read_block(parse, frame);
    case HTTP2_RST_STREAM:
      read_reset(parse, frame);
      return true;
    case HTTP2_SETTINGS:
      if (frame->payload.size || frame->stream) unusual(parse);
      return true;
    case HTTP2_GOAWAY:
      parse->is->goes_away = true;
      unusual(parse);
      return true;
    default:
      unusual(parse);
      return true;
  }
}

void http2_reference_read(struct http2_reference *is, struct trail_slice bytes, bool bodiless,
                          uint32_t opened) {
  struct parse parse = {.is = is, .bodiless = bodiless, .opened = opened};
  struct http2_frame frame;
  *is = (struct http2_reference){.plain = true};
  trail_buffer_init(&parse.block, SIZE_MAX / 2);
  CHECK(nghttp2_hd_inflate_new(&parse.inflater) == 0);
  struct trail_slice first = bytes;
  if (http2_frame_next(&first, &frame) && frame.type != HTTP2_SETTINGS) unusual(&parse);
  while (http2_frame_next(&bytes, &frame) && read_frame(&parse, &frame)) continue;
  if (bytes.size) is->plain = false;
  nghttp2_hd_inflate_del(parse.inflater);
  trail_buffer_clear(&parse.block);
}

void http2_reference_clear(struct http2_reference *is) {
  for (int i = 0; i < is->count; i++) trail_buffer_clear(&is->answers[i].body);
}

const struct http2_answer *http2_reference_on(const struct http2_reference *is, uint32_t stream) {
  for (int i = 0; i < is->count; i++)
    if (is->answers[i].stream == stream) return &is->answers[i];
  return NULL;
}
