/* Numbers as JSON (policy/json_number): the input is a number as text, or else the bytes of a
 * double. */
#include "policy/json_number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "policy/json_text.h"

static bool is_json(const char *text, struct trail_json_text_facts *facts) {
  struct trail_json_text_error error;
  return trail_json_text_scan(trail_slice_text(text), facts, &error);
}

static void check_double(double value) {
  char text[TRAIL_JSON_NUMBER_SIZE], shortly[64];
  struct trail_json_text_facts facts;
  if (!isfinite(value)) return;
  size_t size = trail_json_number_print(value, text);
  CHECK(size == strlen(text) && size < sizeof text);
  CHECK(is_json(text, &facts) && facts.big_integers == 0);
  CHECK(strtod(text, NULL) == value);
  static const struct {
    double limit;
    int digits;
  } cjsons[] = {{1e14, 14}, {1e15, 15}, {1e16, 16}};
  for (int i = 0; i < 3; i++) {
    if (!trail_json_number_is_short(value, cjsons[i].limit)) continue;
    snprintf(shortly, sizeof shortly, "%.*g", cjsons[i].digits, value);
    CHECK(strtod(shortly, NULL) == value);
  }
}

static void check_integer(int64_t value) {
  char text[TRAIL_JSON_NUMBER_SIZE];
  struct trail_json_text_facts facts;
  int64_t read = 0;
  size_t size = trail_json_number_print_integer(value, text);
  CHECK(size == strlen(text) && is_json(text, &facts));
  CHECK(trail_json_number_integer(trail_slice_of(text, size), &read) && read == value);
  bool big = value > TRAIL_JSON_NUMBER_EXACT || value < -TRAIL_JSON_NUMBER_EXACT;
  CHECK(trail_json_number_is_big(trail_slice_of(text, size)) == big);
}

static bool is_integer_text(const char *text) {
  const char *digits = text + (*text == '-');
  bool zero = digits[0] == '0' && digits[1];
  return *digits && !zero && strspn(digits, "0123456789") == strlen(digits);
}

static void check_integer_text(const char *text) {
  int64_t value = 0;
  errno = 0;
  long long is = strtoll(text, NULL, 10);
  bool fits = errno != ERANGE;
  CHECK(trail_json_number_integer(trail_slice_text(text), &value) == fits);
  if (fits) CHECK(value == is);
  bool big = !fits || is > TRAIL_JSON_NUMBER_EXACT || is < -TRAIL_JSON_NUMBER_EXACT;
  CHECK(trail_json_number_is_big(trail_slice_text(text)) == big);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice given = trail_slice_of((const char *)data, size);
  char *text = fuzz_text(given);
  double value = 0;
  int64_t integer = 0;
  memcpy(&value, data, size < sizeof value ? size : sizeof value);
  memcpy(&integer, data, size < sizeof integer ? size : sizeof integer);
  check_double(value);
  check_double(strtod(text, NULL));
  check_integer(integer);
  check_integer(-(integer / 2));
  if (is_integer_text(text)) check_integer_text(text);
  free(text);
  return 0;
}
