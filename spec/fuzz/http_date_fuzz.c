/* HTTP dates (policy/http_date): the input is the value. */
#include "policy/http_date.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fuzz.h"

static const int64_t nows[] = {0, 1750000000, 4102444799, 253402300799};

/* A date that was read, written the modern way, reads as the same. */
static void check_round_trip(int64_t seconds) {
  char text[64];
  time_t at = (time_t)seconds;
  struct tm parts;
  int64_t again = 0;
  CHECK(gmtime_r(&at, &parts) != NULL);
  CHECK(parts.tm_year + 1900 >= 0 && parts.tm_year + 1900 <= 10000);
  size_t size = strftime(text, sizeof text, "%a, %d %b ", &parts);
  size += (size_t)snprintf(text + size, sizeof text - size, "%04d ", parts.tm_year + 1900);
  size += strftime(text + size, sizeof text - size, "%H:%M:%S GMT", &parts);
  if (parts.tm_year + 1900 > 9999) return; /* the leap second of the last year */
  CHECK(trail_http_date_parse(trail_slice_of(text, size), 0, &again));
  CHECK(again == seconds);
}

/* Years of two digits are the latest that are not more than fifty years ahead. */
static void check_century(struct trail_slice value) {
  int64_t first = 0, seconds = 0;
  if (!trail_http_date_parse(value, nows[0], &first)) return;
  bool two_digits = false;
  for (size_t i = 1; i < sizeof nows / sizeof *nows; i++) {
    if (!trail_http_date_parse(value, nows[i], &seconds)) continue;
    if (seconds != first) two_digits = true;
    if (two_digits) CHECK(seconds - nows[i] <= INT64_C(50) * 31556952);
    if (two_digits) CHECK(nows[i] - seconds <= INT64_C(450) * 31557600);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice given = trail_slice_of((const char *)data, size);
  struct trail_slice value = trail_slice_of(fuzz_copy(given), size);
  for (size_t i = 0; i < sizeof nows / sizeof *nows; i++) {
    int64_t seconds = 77;
    bool read = trail_http_date_parse(value, nows[i], &seconds);
    CHECK(read ? size >= 24 && size <= 33 : seconds == 77);
    if (read) check_round_trip(seconds);
  }
  check_century(value);
  free((char *)value.bytes);
  return 0;
}
