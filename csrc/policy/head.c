#include "policy/head.h"

#include <string.h>

#include "policy/field.h"

void trail_head_init(struct trail_head *head) {
  memset(head, 0, sizeof *head);
  trail_buffer_init(&head->fields, TRAIL_HEAD_MAX_BYTES);
  head->content_length = -1;
}

void trail_head_clear(struct trail_head *head) {
  trail_buffer_clear(&head->fields);
  trail_head_init(head);
}

static enum trail_status refuse(enum trail_status status, const char *because, const char **why) {
  *why = because;
  return status;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "HTTP/1.1" or "HTTP/2", in capitals (RFC 9112, section 2.3). */
static bool is_version(struct trail_slice text) {
  if (text.size < 6 || memcmp(text.bytes, "HTTP/", 5) != 0 || !is_digit(text.bytes[5]))
    return false;
  return text.size == 6 || (text.size == 8 && text.bytes[6] == '.' && is_digit(text.bytes[7]));
}

/* Of "HTTP/1.1 200 OK" or "HTTP/2 200": the three digits behind the first space. */
static bool read_status(struct trail_slice line, int *status) {
  const char *space = memchr(line.bytes, ' ', line.size);
  if (!space || !is_version(trail_slice_of(line.bytes, (size_t)(space - line.bytes))))
    return false;
  const char *digits = space + 1;
  size_t left = (size_t)(line.bytes + line.size - digits);
  if (left < 3 || !is_digit(digits[0]) || !is_digit(digits[1]) || !is_digit(digits[2]) ||
      (left > 3 && digits[3] != ' '))
    return false;
  *status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  return true;
}

static enum trail_status begin_block(struct trail_head *head, struct trail_slice line,
                                     const char **why) {
  if (!read_status(line, &head->status))
    return refuse(TRAIL_PROTOCOL, "the status line is malformed", why);
  if (head->status < 100 || head->status > 599)
    return refuse(TRAIL_PROTOCOL, "the status is none of 100 to 599", why);
  if (head->status == 101)
    return refuse(TRAIL_PROTOCOL, "101 switches to a protocol that nobody asked for", why);
  trail_buffer_reset(&head->fields);
  head->content_length = -1;
  head->encoding = TRAIL_ENCODING_IDENTITY;
  head->chunked = false;
  head->lines = 0;
  return TRAIL_OK;
}

static enum trail_status end_block(struct trail_head *head, const char **why) {
  if (head->status == 0) return refuse(TRAIL_PROTOCOL, "there is no status line", why);
  if (head->status >= 200) {
    head->complete = true;
    return TRAIL_OK;
  }
  head->status = 0;
  if (++head->interim > TRAIL_HEAD_MAX_INTERIM)
    return refuse(TRAIL_PROTOCOL, "there are too many interim answers", why);
  return TRAIL_OK;
}

static enum trail_status check_content_length(struct trail_head *head, struct trail_slice value,
                                              const char **why) {
  uint64_t length;
  if (!trail_field_content_length(value, &length) || length > INT64_MAX)
    return refuse(TRAIL_PROTOCOL, "Content-Length is not a number", why);
  if (head->content_length >= 0 && head->content_length != (int64_t)length)
    return refuse(TRAIL_PROTOCOL, "two Content-Length fields differ", why);
  head->content_length = (int64_t)length;
  return TRAIL_OK;
}

/* We ask for no other coding than this one, and could not tell where a body in another one ends. */
static enum trail_status check_transfer_encoding(struct trail_head *head, struct trail_slice value,
                                                 const char **why) {
  head->chunked = true;
  if (trail_slice_same_nocase(value, trail_slice_text("chunked"))) return TRAIL_OK;
  return refuse(TRAIL_PROTOCOL, "Transfer-Encoding is not chunked", why);
}

/* Two codings on top of each other are none that we asked for. */
static void note_encoding(struct trail_head *head, struct trail_slice value) {
  bool gzip = trail_slice_same_nocase(value, trail_slice_text("gzip")) ||
              trail_slice_same_nocase(value, trail_slice_text("x-gzip"));
  if (value.size == 0 || trail_slice_same_nocase(value, trail_slice_text("identity"))) return;
  bool first = head->encoding == TRAIL_ENCODING_IDENTITY;
  head->encoding = gzip && first ? TRAIL_ENCODING_GZIP : TRAIL_ENCODING_UNKNOWN;
}

/* "Name: value" at the colon; false where there is none. */
static bool split_field(struct trail_slice line, struct trail_head_field *field) {
  const char *colon = memchr(line.bytes, ':', line.size);
  if (!colon) return false;
  field->name = trail_slice_of(line.bytes, (size_t)(colon - line.bytes));
  field->value = trail_field_trim(trail_slice_from(line, field->name.size + 1));
  field->folded = false;
  return true;
}

static enum trail_status keep_line(struct trail_head *head, struct trail_slice line,
                                   const char **why) {
  enum trail_status status = trail_buffer_append_slice(&head->fields, line);
  if (status == TRAIL_OK) status = trail_buffer_append_byte(&head->fields, '\n');
  if (status == TRAIL_TOO_LARGE) *why = "the header block is too long";
  return status;
}

/* Fields that say where the body ends and what it is made of. */
static enum trail_status note_framing(struct trail_head *head, const struct trail_head_field *field,
                                      const char **why) {
  enum trail_status status = TRAIL_OK;
  if (trail_slice_same_nocase(field->name, trail_slice_text("content-length")))
    status = check_content_length(head, field->value, why);
  else if (trail_slice_same_nocase(field->name, trail_slice_text("transfer-encoding")))
    status = check_transfer_encoding(head, field->value, why);
  else if (trail_slice_same_nocase(field->name, trail_slice_text("content-encoding")))
    note_encoding(head, field->value);
  /* RFC 9112, section 6.3: somebody on the way may have read another end out of it than we do. */
  if (status == TRAIL_OK && head->chunked && head->content_length >= 0)
    return refuse(TRAIL_PROTOCOL, "there are both Content-Length and Transfer-Encoding", why);
  return status;
}

static enum trail_status field_line(struct trail_head *head, struct trail_slice line,
                                    const char **why) {
  if (++head->lines > TRAIL_HEAD_MAX_FIELDS)
    return refuse(TRAIL_PROTOCOL, "there are too many header lines", why);
  if (head->complete) return TRAIL_OK; /* a trailer */
  bool continuation = line.bytes[0] == ' ' || line.bytes[0] == '\t';
  if (continuation) return head->fields.size ? keep_line(head, line, why) : TRAIL_OK;
  struct trail_head_field field;
  if (!split_field(line, &field) || !trail_field_is_token(field.name)) return TRAIL_OK;
  enum trail_status status = note_framing(head, &field, why);
  if (status != TRAIL_OK) return status;
  return keep_line(head, line, why);
}

static struct trail_slice without_line_end(const char *line, size_t size) {
  if (size && line[size - 1] == '\n') size--;
  if (size && line[size - 1] == '\r') size--;
  return trail_slice_of(line, size);
}

enum trail_status trail_head_line(struct trail_head *head, const char *line, size_t size,
                                  const char **why) {
  struct trail_slice text = without_line_end(line, size);
  head->bytes += size;
  if (head->bytes > TRAIL_HEAD_MAX_BYTES)
    return refuse(TRAIL_TOO_LARGE, "the header block is longer than 64 KiB", why);
  if (text.size && memchr(text.bytes, '\0', text.size))
    return refuse(TRAIL_PROTOCOL, "a header line holds a NUL byte", why);
  if (text.size && memchr(text.bytes, '\n', text.size))
    return refuse(TRAIL_PROTOCOL, "a header line holds a line end", why);
  if (text.size == 0) return head->complete ? TRAIL_OK : end_block(head, why);
  if (head->status == 0) return begin_block(head, text, why);
  return field_line(head, text, why);
}

/* ---- reading ------------------------------------------------------------------------------ */

static struct trail_slice line_at(const struct trail_head *head, size_t cursor) {
  const char *start = head->fields.bytes + cursor;
  const char *end = memchr(start, '\n', head->fields.size - cursor);
  return trail_slice_of(start, (size_t)(end - start));
}

bool trail_head_next(const struct trail_head *head, size_t *cursor,
                     struct trail_head_field *field) {
  if (*cursor >= head->fields.size) return false;
  struct trail_slice line = line_at(head, *cursor);
  *cursor += line.size + 1;
  (void)split_field(line, field); /* only fields were kept */
  while (*cursor < head->fields.size) {
    line = line_at(head, *cursor);
    if (line.size == 0 || (line.bytes[0] != ' ' && line.bytes[0] != '\t')) break;
    field->folded = true;
    /* The lines stand side by side, so the value simply grows over them. */
    field->value.size = (size_t)(line.bytes + line.size - field->value.bytes);
    *cursor += line.size + 1;
  }
  return true;
}
