/* Request targets (policy/target). The lines of the input: the path, then values by their names
 * ("name=value") and, behind a line of "?", pairs of the query; one that begins with "&" is a query
 * that is encoded already. */
#include "policy/target.h"

#include <stdlib.h>

#include "fuzz.h"

enum { MOST_PARAMS = 8 };

struct input {
  struct trail_slice path;
  struct trail_target_param list[MOST_PARAMS];
  size_t count;
  struct trail_slice queries; /* lines */
};

static struct trail_slice copied(struct trail_slice bytes) {
  return trail_slice_of(fuzz_copy(bytes), bytes.size);
}

static void split(struct trail_slice line, struct trail_slice *name, struct trail_slice *value) {
  const char *mark = line.size ? memchr(line.bytes, '=', line.size) : NULL;
  size_t size = mark ? (size_t)(mark - line.bytes) : line.size;
  *name = trail_slice_of(line.bytes, size);
  *value = trail_slice_from(line, mark ? size + 1 : size);
}

static struct input read(struct trail_slice rest) {
  struct input input = {.path = copied(fuzz_line(&rest))};
  while (rest.size && input.count < MOST_PARAMS) {
    struct trail_slice line = fuzz_line(&rest), name, value;
    if (trail_slice_same(line, trail_slice_text("?"))) break;
    split(line, &name, &value);
    input.list[input.count++] = (struct trail_target_param){copied(name), copied(value), false};
  }
  input.queries = rest;
  return input;
}

static void clear(struct input *input) {
  for (size_t i = 0; i < input->count; i++) {
    free((char *)input->list[i].name.bytes);
    free((char *)input->list[i].value.bytes);
  }
  free((char *)input->path.bytes);
}

/* ---- what holds of every target -------------------------------------------------------------- */

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = trail_slice_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void check_bytes(struct trail_slice target) {
  for (size_t i = 0; i < target.size; i++) {
    unsigned char c = (unsigned char)target.bytes[i];
    CHECK(c > ' ' && c < 0x7f && c != '#');
    if (c == '%')
      CHECK(i + 2 < target.size && hex(target.bytes[i + 1]) >= 0 && hex(target.bytes[i + 2]) >= 0);
  }
}

/* Without its escapes; at most as many bytes. */
static struct trail_slice decoded(struct trail_slice text, char *to) {
  size_t size = 0;
  for (size_t i = 0; i < text.size; i++) {
    bool escape = text.bytes[i] == '%' && i + 2 < text.size && hex(text.bytes[i + 1]) >= 0 &&
                  hex(text.bytes[i + 2]) >= 0;
    to[size++] =
        escape ? (char)(hex(text.bytes[i + 1]) * 16 + hex(text.bytes[i + 2])) : text.bytes[i];
    if (escape) i += 2;
  }
  return trail_slice_of(to, size);
}

static struct trail_slice path_of(struct trail_slice target) {
  const char *mark = target.size ? memchr(target.bytes, '?', target.size) : NULL;
  return mark ? trail_slice_of(target.bytes, (size_t)(mark - target.bytes)) : target;
}

static size_t count_of(struct trail_slice text, char byte) {
  size_t count = 0;
  for (size_t i = 0; i < text.size; i++) count += text.bytes[i] == byte;
  return count;
}

/* No server can resolve it to another path, whether it decodes before or after it splits. */
static void check_segments(struct trail_slice path) {
  static char plain[TRAIL_TARGET_MAX + 1];
  CHECK(path.size && path.bytes[0] == '/' && !memchr(path.bytes, '\\', path.size));
  while (path.size) {
    path = trail_slice_from(path, 1);
    const char *slash = path.size ? memchr(path.bytes, '/', path.size) : NULL;
    size_t size = slash ? (size_t)(slash - path.bytes) : path.size;
    struct trail_slice segment = decoded(trail_slice_of(path.bytes, size), plain);
    CHECK(!trail_slice_same(segment, trail_slice_text(".")));
    CHECK(!trail_slice_same(segment, trail_slice_text("..")));
    path = trail_slice_from(path, size);
  }
}

static void check_error(const struct trail_target_error *error, struct trail_slice given) {
  CHECK(error->reason > TRAIL_TARGET_OK && error->reason < TRAIL_TARGET_NO_MEMORY);
  CHECK(error->offset <= given.size);
  CHECK(*trail_target_text(error->reason) != '\0');
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* Values are written so that they decode to what they were, and add no segment and no query. */
static void check_filled(const struct input *input, struct trail_slice target) {
  static char plain[2 * TRAIL_TARGET_MAX];
  struct trail_slice written = decoded(target, plain);
  CHECK(count_of(path_of(target), '/') == count_of(path_of(input->path), '/'));
  CHECK(count_of(target, '?') == count_of(input->path, '?'));
  CHECK(count_of(target, '&') == count_of(input->path, '&'));
  CHECK(!memchr(target.bytes, '{', target.size) && !memchr(target.bytes, '}', target.size));
  for (size_t i = 0; i < input->count; i++) {
    struct trail_slice value = input->list[i].value;
    CHECK(value.size);
    CHECK(input->list[i].used);
    CHECK(memmem(written.bytes, written.size, value.bytes, value.size) != NULL);
  }
}

static bool add_path(struct trail_buffer *target, struct input *input) {
  struct trail_target_error error = {.reason = TRAIL_TARGET_OK};
  struct trail_target_params params = {input->list, input->count};
  bool plain = input->count == 0;
  bool added = trail_target_add_path(target, input->path, plain ? NULL : &params, &error);
  if (!added) {
    check_error(&error, input->path);
    return false;
  }
  struct trail_slice written = trail_buffer_slice(target);
  check_segments(path_of(written));
  if (plain)
    CHECK(trail_slice_same(written, input->path));
  else
    check_filled(input, written);
  return true;
}

/* ---- queries --------------------------------------------------------------------------------- */

/* What a pair added reads back as itself. */
static void check_pair(struct trail_slice added, struct trail_slice name,
                       struct trail_slice value) {
  static char plain[TRAIL_TARGET_MAX + 1];
  if (added.size && (added.bytes[0] == '?' || added.bytes[0] == '&'))
    added = trail_slice_from(added, 1);
  struct trail_slice key, text;
  CHECK(count_of(added, '=') == 1 && count_of(added, '&') == 0 && count_of(added, '?') == 0);
  split(added, &key, &text);
  CHECK(trail_slice_same(decoded(key, plain), name));
  CHECK(trail_slice_same(decoded(text, plain), value));
}

static bool add_query(struct trail_buffer *target, struct trail_slice line) {
  struct trail_target_error error = {.reason = TRAIL_TARGET_OK};
  struct trail_slice name, value, path = path_of(trail_buffer_slice(target));
  size_t before = target->size, path_size = path.size;
  bool encoded = line.size && line.bytes[0] == '&';
  split(line, &name, &value);
  struct trail_slice query = encoded ? trail_slice_from(line, 1) : line;
  bool added = encoded ? trail_target_add_query(target, query, &error)
                       : trail_target_add_pair(target, name, value, &error);
  if (!added) {
    check_error(&error, query);
    return false;
  }
  if (!encoded) check_pair(trail_slice_from(trail_buffer_slice(target), before), name, value);
  CHECK(path_of(trail_buffer_slice(target)).size == path_size);
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = read(trail_slice_of((const char *)data, size));
  struct trail_slice queries = input.queries;
  struct trail_buffer target;
  trail_buffer_init(&target, TRAIL_TARGET_MAX);
  bool added = add_path(&target, &input);
  while (added && queries.size) added = add_query(&target, fuzz_line(&queries));
  CHECK(target.size <= TRAIL_TARGET_MAX);
  if (added) check_bytes(trail_buffer_slice(&target));
  trail_buffer_clear(&target);
  clear(&input);
  return 0;
}
