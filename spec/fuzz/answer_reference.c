#include "answer_reference.h"

#include <stdlib.h>
#include <zlib.h>

#include "fuzz.h"

enum { PLAIN_SIZE = 4096, PLAIN_LINES = 40, GZIP = 16 + MAX_WBITS };

enum coding { CODING_NONE, CODING_GZIP, CODING_OTHER };

struct parse {
  struct trail_slice rest;
  struct reference *is;
  long long length; /* -1: not said */
  bool chunked;
  bool broken;
  enum coding coding;
  int lines, interim;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static struct trail_slice trim(struct trail_slice text) {
  while (text.size && strchr(" \t", text.bytes[0]) && text.bytes[0])
    text = trail_slice_from(text, 1);
  while (text.size && strchr(" \t", text.bytes[text.size - 1]) && text.bytes[text.size - 1])
    text.size--;
  return text;
}

/* False at the end, where a line without its end is none. */
static bool next_line(struct parse *parse, struct trail_slice *line) {
  if (!parse->rest.size || !memchr(parse->rest.bytes, '\n', parse->rest.size)) return false;
  *line = fuzz_line(&parse->rest);
  bool crlf = line->size && line->bytes[line->size - 1] == '\r';
  if (crlf) line->size--;
  if (!crlf) parse->is->plain = false;
  for (size_t i = 0; i < line->size; i++)
    if ((unsigned char)line->bytes[i] < ' ' || line->bytes[i] == 0x7f) parse->is->plain = false;
  if (++parse->lines > PLAIN_LINES) parse->is->plain = false;
  return true;
}

/* ---- the head -------------------------------------------------------------------------------- */

static void look_for_nul(struct parse *parse) {
  if (parse->rest.size && parse->rest.bytes[0] == '\0') parse->is->lost = true;
}

static bool read_status(struct parse *parse) {
  struct trail_slice line;
  if (!next_line(parse, &line) || line.size < 12 || memcmp(line.bytes, "HTTP/1.", 7) != 0)
    return false;
  const char *at = line.bytes + 7;
  if ((*at != '0' && *at != '1') || at[1] != ' ') return false;
  for (int i = 2; i < 5; i++)
    if (!is_digit(at[i])) return false;
  if (line.size > 12 && at[5] != ' ') return false;
  if (memchr(line.bytes, '\0', line.size)) return false;
  parse->is->status = (at[2] - '0') * 100 + (at[3] - '0') * 10 + at[4] - '0';
  return parse->is->status >= 100 && parse->is->status <= 599 && parse->is->status != 101;
}

static void read_length(struct parse *parse, struct trail_slice value) {
  long long length = 0;
  if (value.size == 0 || value.size > 18) parse->broken = true;
  for (size_t i = 0; i < value.size && i < 18; i++) {
    if (!is_digit(value.bytes[i])) parse->broken = true;
    length = length * 10 + (value.bytes[i] & 15);
  }
  if (parse->length >= 0 && parse->length != length) parse->broken = true;
  parse->length = length;
}

static bool same(struct trail_slice a, const char *b) {
  return trail_slice_same_nocase(a, trail_slice_text(b));
}

static void read_coding(struct parse *parse, struct trail_slice value) {
  bool gzip = same(value, "gzip") || same(value, "x-gzip");
  if (value.size == 0 || same(value, "identity")) return;
  parse->coding = gzip && parse->coding == CODING_NONE ? CODING_GZIP : CODING_OTHER;
}

static bool is_token(struct trail_slice name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = trail_slice_lower(name.bytes[i]);
    bool letter = (c >= 'a' && c <= 'z') || is_digit(c);
    if (!letter && (!c || !strchr("!#$%&'*+-.^_`|~", c))) return false;
  }
  return name.size > 0;
}

static void read_field(struct parse *parse, struct trail_slice line) {
  const char *colon = memchr(line.bytes, ':', line.size);
  struct trail_slice name = {line.bytes, colon ? (size_t)(colon - line.bytes) : 0};
  if (!is_token(name)) { /* or the rest of a value: no field */
    parse->is->plain = false;
    return;
  }
  struct trail_slice value = trim(trail_slice_from(line, name.size + 1));
  if (same(name, "content-length")) read_length(parse, value);
  if (same(name, "content-encoding")) read_coding(parse, value);
  if (!same(name, "transfer-encoding")) return;
  parse->chunked = true;
  if (!same(value, "chunked")) parse->broken = true;
}

static bool read_fields(struct parse *parse) {
  struct trail_slice line;
  look_for_nul(parse);
  while (next_line(parse, &line)) {
    if (line.size == 0) return true;
    look_for_nul(parse);
    if (memchr(line.bytes, '\0', line.size)) parse->broken = true;
    read_field(parse, line);
  }
  return false;
}

/* Answers that only announce another are read and forgotten. */
static bool read_head(struct parse *parse) {
  do {
    if (parse->interim) look_for_nul(parse);
    parse->length = -1;
    parse->chunked = false;
    parse->coding = CODING_NONE;
    if (!read_status(parse) || !read_fields(parse)) return false;
    if (parse->chunked && parse->length >= 0) return false;
    if (parse->is->status == 204 && (parse->chunked || parse->length > 0)) parse->is->plain = false;
    if (parse->is->status < 200 && (parse->chunked || parse->length >= 0)) parse->is->plain = false;
    if (++parse->interim > 8) parse->is->plain = false;
  } while (parse->is->status < 200);
  return !parse->broken;
}

/* ---- the body -------------------------------------------------------------------------------- */

static void put(struct reference *is, struct trail_slice bytes) {
  if (bytes.size) memcpy(is->body + is->size, bytes.bytes, bytes.size);
  is->size += bytes.size;
}

static int hex(char c) {
  if (is_digit(c)) return c - '0';
  c = trail_slice_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands behind the size libcurl passes over, whatever it is, and so do we. */
static bool read_chunk_size(struct parse *parse, size_t *size) {
  struct trail_slice line;
  size_t digits = 0;
  *size = 0;
  if (!next_line(parse, &line)) return false;
  for (; digits < line.size && hex(line.bytes[digits]) >= 0; digits++) {
    if (digits > 14) return false;
    *size = *size * 16 + (size_t)hex(line.bytes[digits]);
  }
  if (digits != line.size) parse->is->plain = false;
  return digits > 0;
}

static bool read_trailers(struct parse *parse) {
  struct trail_slice line;
  while (next_line(parse, &line)) {
    if (line.size == 0) return true;
    parse->is->plain = false;
  }
  return false;
}

static bool read_chunks(struct parse *parse) {
  size_t size;
  while (read_chunk_size(parse, &size)) {
    if (size == 0) return read_trailers(parse);
    if (size > parse->rest.size) return false;
    put(parse->is, trail_slice_of(parse->rest.bytes, size));
    parse->rest = trail_slice_from(parse->rest, size);
    while (parse->rest.size && parse->rest.bytes[0] == '\r')
      parse->rest = trail_slice_from(parse->rest, 1);
    if (!parse->rest.size || parse->rest.bytes[0] != '\n') return false;
    parse->rest = trail_slice_from(parse->rest, 1);
  }
  return false;
}

static bool read_body(struct parse *parse) {
  if (parse->chunked) return read_chunks(parse);
  size_t size = parse->length >= 0 ? (size_t)parse->length : parse->rest.size;
  parse->is->until_close = parse->length < 0;
  if (size > parse->rest.size) return false;
  put(parse->is, trail_slice_of(parse->rest.bytes, size));
  parse->rest = trail_slice_from(parse->rest, size);
  return true;
}

/* ---- gzip ------------------------------------------------------------------------------------ */

/* All members, one behind the other, to the very end. */
static bool inflate_all(z_stream *stream, char *to, size_t most, size_t *size) {
  bool ended = true;
  stream->next_out = (Bytef *)to;
  stream->avail_out = (unsigned)most;
  while (stream->avail_in || !ended) {
    unsigned left = stream->avail_in, room = stream->avail_out;
    int code = inflate(stream, Z_NO_FLUSH);
    ended = code == Z_STREAM_END;
    if (ended) inflateReset(stream);
    if (code != Z_OK && !ended) return false;
    if (!ended && left == stream->avail_in && room == stream->avail_out) return false;
  }
  *size = most - stream->avail_out;
  return true;
}

static bool unzip(struct reference *is, size_t most) {
  z_stream stream = {.next_in = (Bytef *)is->body, .avail_in = (unsigned)is->size};
  char *body = malloc(most + 1);
  size_t size = 0;
  CHECK(body != NULL && inflateInit2(&stream, GZIP) == Z_OK);
  bool whole = is->size > 0 && inflate_all(&stream, body, most + 1, &size) && size <= most;
  inflateEnd(&stream);
  free(is->body);
  is->body = body;
  is->size = size;
  return whole;
}

static bool decode(struct parse *parse, size_t most) {
  if (parse->coding == CODING_OTHER) return parse->is->size == 0;
  parse->is->gzip = parse->coding == CODING_GZIP;
  if (parse->is->gzip) return unzip(parse->is, most);
  return parse->is->size <= most;
}

struct reference reference_read(struct trail_slice bytes, bool bodiless, size_t most) {
  struct reference is = {.plain = bytes.size <= PLAIN_SIZE, .body = malloc(bytes.size + 1)};
  struct parse parse = {.rest = bytes, .is = &is};
  CHECK(is.body != NULL);
  is.whole = read_head(&parse);
  bool empty = bodiless || is.status == 204 || is.status == 304;
  if (is.whole && !empty) is.whole = read_body(&parse) && !parse.broken && decode(&parse, most);
  if (parse.rest.size) is.plain = false; /* something behind it */
  return is;
}
