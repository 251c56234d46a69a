/* Header fields (policy/field). The first line of the input is the value; with the second and third
 * it makes the three of the rate limit. */
#include "policy/field.h"

#include <stdlib.h>

#include "fuzz.h"

enum { NOW = 1750000000 };

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool all_digits(struct trail_slice text) {
  for (size_t i = 0; i < text.size; i++)
    if (text.bytes[i] < '0' || text.bytes[i] > '9') return false;
  return text.size > 0;
}

/* Wide enough for any length of digits that matters: it stops above 2^64. */
static unsigned __int128 number_of(struct trail_slice digits) {
  unsigned __int128 number = 0;
  for (size_t i = 0; i < digits.size && number >> 64 == 0; i++)
    number = number * 10 + (unsigned)(digits.bytes[i] - '0');
  return number;
}

static struct trail_slice check_trim(struct trail_slice value) {
  struct trail_slice trimmed = trail_field_trim(value);
  CHECK(fuzz_within(trimmed, value));
  CHECK(!trimmed.size || !is_blank(trimmed.bytes[0]));
  CHECK(!trimmed.size || !is_blank(trimmed.bytes[trimmed.size - 1]));
  CHECK(trail_slice_same(trail_field_trim(trimmed), trimmed));
  for (const char *at = value.bytes; trimmed.size && at < trimmed.bytes; at++) CHECK(is_blank(*at));
  return trimmed;
}

static void check_numbers(struct trail_slice value, struct trail_slice trimmed) {
  static const uint64_t bounds[] = {0, 9, 10, 255, UINT32_MAX, INT64_MAX, UINT64_MAX};
  bool digits = all_digits(trimmed);
  unsigned __int128 is = digits ? number_of(trimmed) : 0;
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
    uint64_t number = 77;
    bool read = trail_field_uint(value, bounds[i], &number);
    CHECK(read == (digits && is <= bounds[i]));
    CHECK(number == (read ? (uint64_t)is : 77));
  }
  uint64_t length = 0;
  CHECK(trail_field_content_length(value, &length) == (digits && is <= INT64_MAX));
  uint32_t age = 77;
  CHECK(trail_field_age(value, &age) == digits);
  CHECK(age == (!digits ? 77 : is <= UINT32_MAX ? (uint32_t)is : UINT32_MAX));
}

static void check_retry_after(struct trail_slice value, struct trail_slice trimmed) {
  struct trail_retry_after after = trail_field_retry_after(value, NOW);
  int64_t wait_ms = trail_field_retry_after_ms(after, NOW);
  bool delay = all_digits(trimmed) && number_of(trimmed) <= UINT32_MAX;
  CHECK((after.kind == TRAIL_RETRY_AFTER_DELAY) == delay);
  CHECK((wait_ms == -1) == (after.kind == TRAIL_RETRY_AFTER_ABSENT));
  CHECK(wait_ms >= -1);
  if (delay) CHECK(wait_ms == (int64_t)number_of(trimmed) * 1000);
}

static void check_texts(struct trail_slice value, struct trail_slice trimmed) {
  struct trail_slice id = {NULL, 0};
  bool visible = trail_field_is_visible(trimmed, TRAIL_FIELD_REQUEST_ID_MAX);
  CHECK(trail_field_request_id(value, &id) == visible);
  CHECK(fuzz_within(id, value) && trail_slice_same(id, visible ? trimmed : id));
  size_t token = trail_field_token_size(value);
  CHECK(token <= value.size);
  CHECK(trail_field_is_token(value) == (value.size && token == value.size));
  if (trail_field_is_token(value)) CHECK(trail_field_is_visible(value, value.size));
  if (visible) CHECK(trail_field_is_value(trimmed));
}

static void check_json(struct trail_slice value) {
  char *text = fuzz_text(value);
  if (trail_field_is_json(value)) {
    CHECK(strcasestr(text, "application/") && strcasestr(text, "json"));
    CHECK(trail_field_is_json(trail_field_trim(value)));
  }
  free(text);
}

static void check_rate(struct trail_slice limit, struct trail_slice remaining,
                       struct trail_slice reset) {
  struct trail_slice parts[] = {trail_field_trim(limit), trail_field_trim(remaining),
                                trail_field_trim(reset)};
  struct trail_rate_fields rate = {7, 7, 7};
  bool good = true;
  for (int i = 0; i < 3; i++)
    if (!all_digits(parts[i]) || number_of(parts[i]) > UINT32_MAX) good = false;
  CHECK(trail_field_rate(limit, remaining, reset, &rate) == good);
  CHECK(rate.limit == (good ? number_of(parts[0]) : 7));
  CHECK(rate.remaining == (good ? number_of(parts[1]) : 7));
  CHECK(rate.reset == (good ? number_of(parts[2]) : 7));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice rest = trail_slice_of((const char *)data, size), lines[3];
  for (int i = 0; i < 3; i++) lines[i] = fuzz_line(&rest);
  struct trail_slice value = trail_slice_of(fuzz_copy(lines[0]), lines[0].size);
  struct trail_slice trimmed = check_trim(value);
  check_numbers(value, trimmed);
  check_retry_after(value, trimmed);
  check_texts(value, trimmed);
  check_json(value);
  check_rate(value, lines[1], lines[2]);
  free((char *)value.bytes);
  return 0;
}
