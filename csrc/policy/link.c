#include "policy/link.h"

#include "policy/field.h"

/* What is left to read, and the link being read. */
struct reader {
  struct trail_slice rest;
  struct trail_slice target;
  bool has_rel;
  bool is_next;
  bool has_anchor;
};

static void skip(struct reader *reader, size_t count) {
  reader->rest = trail_slice_from(reader->rest, count);
}

static bool take(struct reader *reader, char byte) {
  if (reader->rest.size == 0 || reader->rest.bytes[0] != byte) return false;
  skip(reader, 1);
  return true;
}

static void skip_blanks(struct reader *reader) {
  while (take(reader, ' ') || take(reader, '\t')) {
  }
}

static bool read_target(struct reader *reader) {
  if (!take(reader, '<')) return false;
  const char *end = memchr(reader->rest.bytes, '>', reader->rest.size);
  if (!end) return false;
  reader->target = trail_slice_of(reader->rest.bytes, (size_t)(end - reader->rest.bytes));
  skip(reader, reader->target.size + 1);
  return true;
}

/* The text between the quotes, its backslashes still in it. */
static bool read_quoted(struct reader *reader, struct trail_slice *text) {
  for (size_t i = 0; i < reader->rest.size; i++) {
    if (reader->rest.bytes[i] == '"') {
      *text = trail_slice_of(reader->rest.bytes, i);
      skip(reader, i + 1);
      return true;
    }
    if (reader->rest.bytes[i] == '\\') i++;
  }
  return false;
}

static bool read_bare(struct reader *reader, struct trail_slice *text) {
  size_t size = 0;
  while (size < reader->rest.size && !strchr(" \t,;\"<>\\", reader->rest.bytes[size])) size++;
  *text = trail_slice_of(reader->rest.bytes, size);
  skip(reader, size);
  return size != 0;
}

/* The next byte of a quoted text, its backslash gone. */
static char unquoted(struct trail_slice *text) {
  size_t escaped = text->bytes[0] == '\\' && text->size > 1;
  char byte = text->bytes[escaped];
  *text = trail_slice_from(*text, escaped + 1);
  return byte;
}

/* Is "next" among the words? */
static bool names_next(struct trail_slice words) {
  static const char next[] = "next";
  size_t matched = 0; /* of the word at hand; beyond 4 when it is another one */
  while (words.size) {
    char byte = unquoted(&words);
    if (byte == ' ' || byte == '\t') {
      if (matched == 4) return true;
      matched = 0;
    } else {
      matched = matched < 4 && trail_slice_lower(byte) == next[matched] ? matched + 1 : 5;
    }
  }
  return matched == 4;
}

static void note(struct reader *reader, struct trail_slice name, struct trail_slice value) {
  if (trail_slice_same_nocase(name, trail_slice_text("anchor"))) reader->has_anchor = true;
  if (reader->has_rel || !trail_slice_same_nocase(name, trail_slice_text("rel"))) return;
  reader->has_rel = true;
  reader->is_next = names_next(value);
}

/* What follows a ";": a parameter with or without a value, or nothing. */
static bool read_param(struct reader *reader) {
  skip_blanks(reader);
  size_t size = trail_field_token_size(reader->rest);
  struct trail_slice name = trail_slice_of(reader->rest.bytes, size);
  struct trail_slice value = {NULL, 0};
  skip(reader, size);
  if (size == 0) return true;
  skip_blanks(reader);
  if (take(reader, '=')) {
    skip_blanks(reader);
    bool read = take(reader, '"') ? read_quoted(reader, &value) : read_bare(reader, &value);
    if (!read) return false;
  }
  note(reader, name, value);
  return true;
}

static bool read_link(struct reader *reader) {
  *reader = (struct reader){.rest = reader->rest};
  if (!read_target(reader)) return false;
  skip_blanks(reader);
  while (take(reader, ';')) {
    if (!read_param(reader)) return false;
    skip_blanks(reader);
  }
  return true;
}

enum trail_link trail_link_next(struct trail_slice header, struct trail_slice *target) {
  struct reader reader = {.rest = header};
  struct trail_slice found = {NULL, 0};
  enum trail_link result = TRAIL_LINK_ABSENT;
  if (!trail_field_is_value(header)) return TRAIL_LINK_MALFORMED;
  do {
    skip_blanks(&reader);
    if (reader.rest.size == 0 || reader.rest.bytes[0] == ',') continue; /* an empty element */
    if (!read_link(&reader)) return TRAIL_LINK_MALFORMED;
    if (reader.is_next && !reader.has_anchor && result == TRAIL_LINK_ABSENT) {
      found = reader.target;
      result = TRAIL_LINK_FOUND;
    }
  } while (take(&reader, ','));
  if (reader.rest.size) return TRAIL_LINK_MALFORMED;
  if (result == TRAIL_LINK_FOUND) *target = found;
  return result;
}
