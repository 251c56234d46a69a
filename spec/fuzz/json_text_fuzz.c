/* JSON as text (policy/json_text, json_mark, json_order): the input is the text. */
#include "policy/json_text.h"

#include <stdlib.h>

#include "fuzz.h"
#include "policy/json_mark.h"
#include "policy/json_order.h"

static bool scan(struct trail_slice text, struct trail_json_text_facts *facts) {
  struct trail_json_text_error error = {SIZE_MAX, NULL};
  bool is_json = trail_json_text_scan(text, facts, &error);
  if (!is_json) {
    CHECK(error.at <= text.size && error.expected && *error.expected);
    return false;
  }
  CHECK(error.expected == NULL && facts->start <= text.size);
  CHECK(!facts->huge || (facts->fractions && facts->huge_at < text.size));
  return true;
}

static char *room_for(size_t size) {
  char *bytes = malloc(size ? size : 1);
  CHECK(bytes != NULL);
  return bytes;
}

/* cjson, which writes what is unmarked, escapes no mark. */
static bool has_escaped_mark(struct trail_slice text) {
  for (size_t i = 0; i + 6 <= text.size; i++)
    if (trail_slice_same_nocase(trail_slice_of(text.bytes + i, 6), trail_slice_text("\\u007e")))
      return true;
  return false;
}

/* Without marks it is what it was, but for the whitespace of empty arrays. */
static void check_unmarked(struct trail_slice text, const struct trail_json_text_facts *facts,
                           struct trail_slice marked) {
  char *plain = room_for(marked.size);
  size_t plain_size = trail_json_mark_undo(marked, plain);
  CHECK(plain_size <= marked.size && plain_size <= text.size);
  struct trail_json_text_facts again;
  CHECK(scan(trail_slice_of(plain, plain_size), &again));
  CHECK(again.empty_arrays == facts->empty_arrays && again.big_integers == facts->big_integers);
  CHECK(again.marked_strings == facts->marked_strings);
  free(plain);
}

/* Marked, it is JSON in which nothing needs a mark any more. */
static void check_marks(struct trail_slice text, const struct trail_json_text_facts *facts) {
  struct trail_json_text_facts marked_facts;
  size_t bound = trail_json_mark_bound(text.size, facts);
  char *marked = room_for(bound);
  size_t size = trail_json_mark_apply(text, marked);
  CHECK(size <= bound);
  struct trail_slice is = trail_slice_of(marked, size);
  CHECK(scan(is, &marked_facts));
  CHECK(marked_facts.empty_arrays == 0 && marked_facts.big_integers == 0);
  CHECK(marked_facts.marked_strings ==
        facts->empty_arrays + facts->big_integers + facts->marked_strings);
  if (!has_escaped_mark(text)) check_unmarked(text, facts, is);
  free(marked);
}

/* The text without whitespace, as cjson writes it: what is ordered. Returns its size. */
static size_t squeeze(struct trail_slice text, char *to) {
  size_t size = 0;
  for (size_t at = trail_json_text_space_end(text, 0); at < text.size;
       at = trail_json_text_space_end(text, at)) {
    size_t end = text.bytes[at] == '"' ? trail_json_text_string_end(text, at) : at + 1;
    CHECK(end > at && end <= text.size);
    memcpy(to + size, text.bytes + at, end - at);
    size += end - at;
    at = end;
  }
  return size;
}

static int compare_bytes(const void *a, const void *b) {
  return *(const unsigned char *)a - *(const unsigned char *)b;
}

static void check_order(struct trail_slice text) {
  char *first = room_for(text.size), *second = room_for(text.size), *scratch = room_for(text.size);
  size_t size = squeeze(text, first);
  struct trail_slice squeezed = trail_slice_of(first, size);
  size_t count = trail_json_order_count(squeezed);
  struct trail_json_order_member *members = malloc((count + 1) * sizeof *members);
  struct trail_json_text_facts facts;
  CHECK(members != NULL && scan(squeezed, &facts));
  memcpy(second, first, size);
  trail_json_order_apply(second, size, members, scratch);
  CHECK(scan(trail_slice_of(second, size), &facts));
  CHECK(trail_json_order_count(trail_slice_of(second, size)) == count);
  if (count < 2) CHECK(memcmp(first, second, size) == 0);
  qsort(first, size, 1, compare_bytes);
  memcpy(scratch, second, size);
  qsort(scratch, size, 1, compare_bytes);
  CHECK(memcmp(first, scratch, size) == 0); /* the same bytes in another order */
  memcpy(first, second, size);
  trail_json_order_apply(second, size, members, scratch);
  CHECK(memcmp(first, second, size) == 0); /* what is ordered stays */
  free(first);
  free(second);
  free(scratch);
  free(members);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice given = trail_slice_of((const char *)data, size);
  struct trail_slice text = trail_slice_of(fuzz_copy(given), size);
  struct trail_json_text_facts facts;
  size_t valid = trail_json_text_utf8(text);
  CHECK(valid <= text.size && trail_json_text_utf8(trail_slice_of(text.bytes, valid)) == valid);
  if (scan(text, &facts)) {
    CHECK(valid == text.size);
    struct trail_slice value = trail_slice_from(text, facts.start);
    check_marks(value, &facts);
    check_order(value);
  }
  free((char *)text.bytes);
  return 0;
}
