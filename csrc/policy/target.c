#include "policy/target.h"

/* One value's way into the target. */
struct writer {
  struct trail_buffer *target;
  struct trail_target_params *params;
  struct trail_target_error *error;
};

static const char *const texts[] = {
#define TRAIL_TARGET_TEXT(name, text) text,
    TRAIL_TARGET_LIST(TRAIL_TARGET_TEXT)
#undef TRAIL_TARGET_TEXT
};

const char *trail_target_text(enum trail_target_reason reason) {
  return (unsigned)reason < TRAIL_TARGET_COUNT ? texts[reason] : "cannot be sent";
}

static bool fail(struct trail_target_error *error, enum trail_target_reason reason, size_t offset) {
  *error = (struct trail_target_error){.reason = reason, .offset = offset};
  return false;
}

static bool fail_name(struct trail_target_error *error, enum trail_target_reason reason,
                      struct trail_slice name) {
  *error = (struct trail_target_error){.reason = reason, .name = name};
  return false;
}

/* ---- bytes ---- */

static bool is_alnum(char c) {
  char letter = trail_slice_lower(c);
  return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9');
}

static bool is_unreserved(char c) {
  return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_hex(char c) {
  char letter = trail_slice_lower(c);
  return (c >= '0' && c <= '9') || (letter >= 'a' && letter <= 'f');
}

static bool put(struct trail_buffer *target, struct trail_slice bytes,
                struct trail_target_error *error) {
  enum trail_status status = trail_buffer_append_slice(target, bytes);
  if (status == TRAIL_OK) return true;
  return fail(error, status == TRAIL_NO_MEMORY ? TRAIL_TARGET_NO_MEMORY : TRAIL_TARGET_TOO_LONG, 0);
}

static bool put_encoded(struct trail_buffer *target, struct trail_slice value,
                        struct trail_target_error *error) {
  static const char hex[] = "0123456789ABCDEF";
  size_t plain = 0; /* where the run of bytes that stay begins */
  for (size_t i = 0; i < value.size; i++) {
    if (is_unreserved(value.bytes[i])) continue;
    unsigned char byte = (unsigned char)value.bytes[i];
    const char escape[] = {'%', hex[byte >> 4], hex[byte & 15]};
    if (!put(target, trail_slice_of(value.bytes + plain, i - plain), error)) return false;
    if (!put(target, trail_slice_of(escape, sizeof escape), error)) return false;
    plain = i + 1;
  }
  return put(target, trail_slice_from(value, plain), error);
}

/* ---- what a caller wrote ---- */

static enum trail_target_reason refuse_byte(struct trail_slice rest) {
  unsigned char byte = (unsigned char)rest.bytes[0];
  if (byte < ' ' || byte == 0x7f) return TRAIL_TARGET_CONTROL;
  if (byte > 0x7f) return TRAIL_TARGET_NON_ASCII;
  if (byte == ' ') return TRAIL_TARGET_SPACE;
  if (byte == '#') return TRAIL_TARGET_FRAGMENT;
  if (byte == '%' && !(rest.size > 2 && is_hex(rest.bytes[1]) && is_hex(rest.bytes[2]))) {
    return TRAIL_TARGET_BAD_ESCAPE;
  }
  return TRAIL_TARGET_OK;
}

static bool check_bytes(struct trail_slice text, struct trail_target_error *error) {
  for (size_t i = 0; i < text.size; i++) {
    enum trail_target_reason reason = refuse_byte(trail_slice_from(text, i));
    if (reason != TRAIL_TARGET_OK) return fail(error, reason, i);
  }
  return true;
}

/* Up to the query. */
static struct trail_slice path_part(struct trail_slice text) {
  const char *mark = text.size ? memchr(text.bytes, '?', text.size) : NULL;
  return mark ? trail_slice_of(text.bytes, (size_t)(mark - text.bytes)) : text;
}

static bool is_dots(struct trail_slice segment) {
  size_t dots = 0;
  for (size_t i = 0; i < segment.size; dots++) {
    struct trail_slice rest = trail_slice_from(segment, i);
    if (rest.bytes[0] == '.') {
      i += 1;
    } else if (rest.size > 2 &&
               trail_slice_same_nocase(trail_slice_of(rest.bytes, 3), trail_slice_text("%2e"))) {
      i += 3;
    } else {
      return false;
    }
  }
  return dots == 1 || dots == 2;
}

/* The path as written is what counts: no value that replaces a {name} can complete a dot segment,
 * as it is neither empty nor dots itself. */
static bool check_segments(struct trail_slice path, struct trail_target_error *error) {
  for (size_t i = 1; i <= path.size; i++) {
    struct trail_slice rest = trail_slice_from(path, i);
    const char *slash = rest.size ? memchr(rest.bytes, '/', rest.size) : NULL;
    size_t size = slash ? (size_t)(slash - rest.bytes) : rest.size;
    if (is_dots(trail_slice_of(rest.bytes, size))) {
      return fail(error, TRAIL_TARGET_DOT_SEGMENT, i);
    }
    i += size;
  }
  return true;
}

static bool check_path(struct trail_slice path, struct trail_target_error *error) {
  if (path.size == 0) return fail(error, TRAIL_TARGET_EMPTY, 0);
  if (path.bytes[0] != '/') return fail(error, TRAIL_TARGET_NO_SLASH, 0);
  if (!check_bytes(path, error)) return false;
  struct trail_slice part = path_part(path);
  const char *backslash = memchr(part.bytes, '\\', part.size);
  if (backslash) return fail(error, TRAIL_TARGET_BACKSLASH, (size_t)(backslash - part.bytes));
  return check_segments(part, error);
}

/* ---- templates ---- */

static struct trail_target_param *find(const struct trail_target_params *params,
                                       struct trail_slice name) {
  for (size_t i = 0; i < params->count; i++) {
    if (trail_slice_same(params->list[i].name, name)) return &params->list[i];
  }
  return NULL;
}

static bool names_dots(struct trail_slice value) {
  return trail_slice_same(value, trail_slice_text(".")) ||
         trail_slice_same(value, trail_slice_text(".."));
}

static bool put_param(struct writer *writer, struct trail_slice name) {
  struct trail_target_param *param = find(writer->params, name);
  if (!param) return fail_name(writer->error, TRAIL_TARGET_MISSING_PARAM, name);
  param->used = true;
  if (param->value.size == 0) return fail_name(writer->error, TRAIL_TARGET_EMPTY_PARAM, name);
  if (names_dots(param->value)) return fail_name(writer->error, TRAIL_TARGET_DOT_PARAM, name);
  return put_encoded(writer->target, param->value, writer->error);
}

/* The size of "{name}" at the front of the text; 0 when there is none. */
static size_t template_size(struct trail_slice text) {
  size_t size = 1;
  if (text.bytes[0] != '{') return 0;
  while (size < text.size && is_unreserved(text.bytes[size]) && text.bytes[size] != '~') size++;
  return size > 1 && size < text.size && text.bytes[size] == '}' ? size + 1 : 0;
}

static bool put_templates(struct writer *writer, struct trail_slice path) {
  size_t plain = 0;
  for (size_t i = 0; i < path.size; i++) {
    if (path.bytes[i] != '{' && path.bytes[i] != '}') continue;
    size_t size = template_size(trail_slice_from(path, i));
    if (size == 0) return fail(writer->error, TRAIL_TARGET_BAD_TEMPLATE, i);
    struct trail_slice before = trail_slice_of(path.bytes + plain, i - plain);
    struct trail_slice name = trail_slice_of(path.bytes + i + 1, size - 2);
    if (!put(writer->target, before, writer->error) || !put_param(writer, name)) return false;
    plain = i + size;
    i = plain - 1;
  }
  return put(writer->target, trail_slice_from(path, plain), writer->error);
}

static bool check_all_used(const struct writer *writer) {
  for (size_t i = 0; i < writer->params->count; i++) {
    const struct trail_target_param *param = &writer->params->list[i];
    if (!param->used) return fail_name(writer->error, TRAIL_TARGET_UNUSED_PARAM, param->name);
  }
  return true;
}

static bool fill(struct writer *writer, struct trail_slice path) {
  for (size_t i = 0; i < writer->params->count; i++) writer->params->list[i].used = false;
  return put_templates(writer, path) && check_all_used(writer);
}

/* ---- the parts ---- */

bool trail_target_add_path(struct trail_buffer *target, struct trail_slice path,
                           struct trail_target_params *params, struct trail_target_error *error) {
  struct writer writer = {target, params, error};
  if (!check_path(path, error)) return false;
  return params ? fill(&writer, path) : put(target, path, error);
}

/* A "?" where the query begins, "&" where it goes on, nothing behind either. */
static bool put_separator(struct trail_buffer *target, struct trail_target_error *error) {
  struct trail_slice written = trail_buffer_slice(target);
  bool has_query = path_part(written).size < written.size;
  char last = written.size ? written.bytes[written.size - 1] : '\0';
  if (has_query && (last == '?' || last == '&')) return true;
  return put(target, trail_slice_text(has_query ? "&" : "?"), error);
}

bool trail_target_add_pair(struct trail_buffer *target, struct trail_slice name,
                           struct trail_slice value, struct trail_target_error *error) {
  if (name.size == 0) return fail(error, TRAIL_TARGET_NO_NAME, 0);
  return put_separator(target, error) && put_encoded(target, name, error) &&
         put(target, trail_slice_text("="), error) && put_encoded(target, value, error);
}

bool trail_target_add_query(struct trail_buffer *target, struct trail_slice query,
                            struct trail_target_error *error) {
  if (query.size == 0) return true;
  if (query.bytes[0] == '?') return fail(error, TRAIL_TARGET_QUESTION_MARK, 0);
  return check_bytes(query, error) && put_separator(target, error) && put(target, query, error);
}
