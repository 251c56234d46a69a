#include "policy/json_mark.h"

#include "policy/json_number.h"

size_t trail_json_mark_bound(size_t size, const struct trail_json_text_facts *facts) {
  /* Two quotes and the mark for a token, one more mark for a string. */
  return size + 3 * (facts->empty_arrays + facts->big_integers) + facts->marked_strings;
}

static char *put(char *to, const char *bytes, size_t size) {
  memcpy(to, bytes, size);
  return to + size;
}

static char *put_token(char *to, const char *bytes, size_t size) {
  to = put(to, "\"~", 2);
  to = put(to, bytes, size);
  return put(to, "\"", 1);
}

/* Of the string that ends there. */
static bool is_name(struct trail_slice text, size_t string_end) {
  size_t at = trail_json_text_space_end(text, string_end);
  return at < text.size && text.bytes[at] == ':';
}

/* The string from its opening quote at `at` to `end`, without its quotes. */
static struct trail_slice content(struct trail_slice text, size_t at, size_t end) {
  return trail_slice_of(text.bytes + at + 1, end - at - 2);
}

/* -- For cjson.decode -------------------------------------------------------------------------- */

static size_t apply_to_string(struct trail_slice text, size_t at, char **out) {
  size_t end = trail_json_text_string_end(text, at);
  if (!trail_json_text_is_marked(content(text, at, end)) || is_name(text, end)) {
    *out = put(*out, text.bytes + at, end - at);
  } else {
    *out = put(*out, "\"~", 2);
    *out = put(*out, text.bytes + at + 1, end - at - 1);
  }
  return end;
}

static size_t apply_to_number(struct trail_slice text, size_t at, char **out) {
  size_t end = trail_json_text_number_end(text, at);
  struct trail_slice number = trail_slice_of(text.bytes + at, end - at);
  *out = (trail_json_number_is_big(number) ? put_token : put)(*out, number.bytes, number.size);
  return end;
}

static size_t apply_to_bracket(struct trail_slice text, size_t at, char **out) {
  size_t inside = trail_json_text_space_end(text, at + 1);
  if (inside < text.size && text.bytes[inside] == ']') {
    *out = put_token(*out, "[]", 2);
    return inside + 1;
  }
  *out = put(*out, "[", 1);
  return inside;
}

static bool begins_number(char c) { return c == '-' || (c >= '0' && c <= '9'); }

size_t trail_json_mark_apply(struct trail_slice text, char *out) {
  char *to = out;
  size_t at = 0;
  while (at < text.size) {
    char c = text.bytes[at];
    if (c == '"') {
      at = apply_to_string(text, at, &to);
    } else if (c == '[') {
      at = apply_to_bracket(text, at, &to);
    } else if (begins_number(c)) {
      at = apply_to_number(text, at, &to);
    } else {
      *to++ = c;
      at++;
    }
  }
  return (size_t)(to - out);
}

/* -- After cjson.encode ------------------------------------------------------------------------ */

static bool begins_with_mark(struct trail_slice string) {
  return string.size && string.bytes[0] == TRAIL_JSON_TEXT_MARK;
}

static size_t undo_string(struct trail_slice text, size_t at, char **out) {
  size_t end = trail_json_text_string_end(text, at);
  struct trail_slice inside = content(text, at, end);
  if (!begins_with_mark(inside) || is_name(text, end)) {
    *out = put(*out, text.bytes + at, end - at);
    return end;
  }
  inside = trail_slice_from(inside, 1);
  if (begins_with_mark(inside)) {
    *out = put(*out, "\"", 1);
    *out = put(*out, inside.bytes, inside.size + 1); /* with its closing quote */
  } else {
    *out = put(*out, inside.bytes, inside.size);
  }
  return end;
}

size_t trail_json_mark_undo(struct trail_slice text, char *out) {
  char *to = out;
  size_t at = 0;
  while (at < text.size) {
    if (text.bytes[at] == '"') {
      at = undo_string(text, at, &to);
    } else {
      *to++ = text.bytes[at++];
    }
  }
  return (size_t)(to - out);
}
