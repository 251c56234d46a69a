/* The head of an answer (policy/head) and what it tells the policy (policy/facts): the input is the
 * head, a line each. */
#include "policy/head.h"

#include <stdlib.h>

#include "fuzz.h"
#include "policy/facts.h"

enum { NOW = 1750000000 };

/* What the reading of a head came to. */
struct reading {
  enum trail_status status;
  struct trail_head head;
};

static bool is_status(enum trail_status status) {
  return status == TRAIL_OK || status == TRAIL_PROTOCOL || status == TRAIL_TOO_LARGE;
}

static void check_bounds(const struct trail_head *head) {
  CHECK(head->fields.size <= TRAIL_HEAD_MAX_BYTES && head->bytes <= TRAIL_HEAD_MAX_BYTES);
  CHECK(head->lines <= TRAIL_HEAD_MAX_FIELDS && head->interim <= TRAIL_HEAD_MAX_INTERIM);
  CHECK(head->status == 0 || (head->status >= 100 && head->status <= 599 && head->status != 101));
  CHECK(!head->complete || head->status >= 200);
  CHECK(head->content_length >= -1);
  CHECK(!head->chunked || head->content_length < 0);
}

/* One line more, ended as `end` says; at an exact copy, as nothing promises bytes behind it. */
static enum trail_status feed(struct trail_head *head, struct trail_slice line, const char *end) {
  const char *why = NULL;
  size_t size = line.size + strlen(end);
  char *copy = malloc(size ? size : 1);
  CHECK(copy != NULL);
  if (line.size) memcpy(copy, line.bytes, line.size);
  memcpy(copy + line.size, end, strlen(end));
  enum trail_status status = trail_head_line(head, copy, size, &why);
  CHECK(is_status(status));
  CHECK((status == TRAIL_OK) == (why == NULL));
  free(copy);
  return status;
}

static void read(struct trail_slice text, const char *end, struct reading *reading) {
  trail_head_init(&reading->head);
  reading->status = TRAIL_OK;
  while (text.size && reading->status == TRAIL_OK) {
    bool before = reading->head.complete;
    struct trail_slice line = fuzz_line(&text);
    while (line.size && line.bytes[line.size - 1] == '\r') line.size--;
    reading->status = feed(&reading->head, line, end);
    CHECK(!before || reading->head.complete);
    if (reading->status == TRAIL_OK) check_bounds(&reading->head);
  }
}

static size_t check_fields(const struct trail_head *head) {
  struct trail_slice all = trail_buffer_slice(&head->fields);
  struct trail_head_field field;
  size_t count = 0;
  for (size_t cursor = 0, before = 0; trail_head_next(head, &cursor, &field); before = cursor) {
    count++;
    CHECK(cursor > before && cursor <= all.size);
    CHECK(fuzz_within(field.name, all) && fuzz_within(field.value, all));
    CHECK(trail_field_is_token(field.name));
    bool several = field.value.size && memchr(field.value.bytes, '\n', field.value.size);
    CHECK(!several || field.folded);
  }
  return count;
}

static void check_facts(const struct trail_head *head) {
  struct trail_slice all = trail_buffer_slice(&head->fields);
  struct trail_facts facts;
  trail_facts_read(head, NOW, &facts);
  CHECK(facts.retry_after_ms >= -1);
  CHECK(fuzz_within(facts.request_id, all));
  CHECK(!facts.request_id.size ||
        trail_field_is_visible(facts.request_id, TRAIL_FIELD_REQUEST_ID_MAX));
}

static void check_same(const struct trail_head *a, const struct trail_head *b) {
  CHECK(a->status == b->status && a->complete == b->complete && a->lines == b->lines);
  CHECK(a->content_length == b->content_length && a->chunked == b->chunked);
  CHECK(a->encoding == b->encoding && a->interim == b->interim);
  CHECK(trail_slice_same(trail_buffer_slice(&a->fields), trail_buffer_slice(&b->fields)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice text = trail_slice_of((const char *)data, size);
  struct reading reading, other;
  read(text, "\r\n", &reading);
  read(text, "\n", &other);
  if (reading.status != TRAIL_TOO_LARGE) {
    CHECK(other.status == reading.status);
    check_same(&other.head, &reading.head);
  }
  size_t fields = check_fields(&reading.head);
  CHECK(fields <= TRAIL_HEAD_MAX_FIELDS);
  check_facts(&reading.head);
  trail_head_clear(&reading.head);
  trail_head_clear(&other.head);
  return 0;
}
