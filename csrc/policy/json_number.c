#include "policy/json_number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_negative(struct trail_slice number) { return number.size && number.bytes[0] == '-'; }

bool trail_json_number_is_big(struct trail_slice number) {
  static const char limit[] = "9007199254740992";
  const size_t limit_size = sizeof limit - 1;
  struct trail_slice digits = trail_slice_from(number, is_negative(number));
  if (digits.size < limit_size) return false;
  for (size_t i = 0; i < digits.size; i++) {
    if (!is_digit(digits.bytes[i])) return false;
  }
  return digits.size > limit_size || memcmp(digits.bytes, limit, limit_size) > 0;
}

/* Summed up below zero, which reaches one further than above. */
bool trail_json_number_integer(struct trail_slice number, int64_t *value) {
  bool negative = is_negative(number);
  int64_t sum = 0;
  for (size_t i = negative; i < number.size; i++) {
    int digit = number.bytes[i] - '0';
    if (sum < (INT64_MIN + digit) / 10) return false;
    sum = sum * 10 - digit;
  }
  if (!negative && sum == INT64_MIN) return false;
  *value = negative ? sum : -sum;
  return true;
}

bool trail_json_number_is_short(double value, double limit) {
  double scale = 1;
  for (int power = 0; power <= 9; power++, scale *= 10) {
    double scaled = value * scale;
    if (!(scaled > -limit + 1 && scaled < limit - 1)) return false;
    double whole = (double)(int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    /* Both are exact, so the quotient is the double nearest to that decimal: it is `value` or it is
     * not. */
    if (whole / scale == value) return true;
  }
  return false;
}

static bool is_exact_integer(double value) {
  const double limit = (double)TRAIL_JSON_NUMBER_EXACT;
  return value >= -limit && value <= limit && (double)(int64_t)value == value;
}

/* A locale may write the decimal point otherwise, and in more than one byte. */
static size_t write_point(char *text) {
  char *to = text;
  bool written = false;
  for (const char *at = text; *at; at++) {
    if (is_digit(*at) || *at == '-' || *at == '+' || *at == 'e') {
      *to++ = *at;
    } else if (!written) {
      *to++ = '.';
      written = true;
    }
  }
  *to = '\0';
  return (size_t)(to - text);
}

size_t trail_json_number_print(double value, char out[TRAIL_JSON_NUMBER_SIZE]) {
  if (is_exact_integer(value)) {
    return (size_t)snprintf(out, TRAIL_JSON_NUMBER_SIZE, "%.0f", value);
  }
  for (int digits = 15; digits <= 17; digits++) {
    (void)snprintf(out, TRAIL_JSON_NUMBER_SIZE, "%.*g", digits, value);
    if (strtod(out, NULL) == value) break;
  }
  size_t size = write_point(out);
  if (strpbrk(out, ".e")) return size;
  /* Beyond 2^53 and still without an exponent: it must not be read as an integer. */
  memcpy(out + size, ".0", sizeof ".0");
  return size + 2;
}

size_t trail_json_number_print_integer(int64_t value, char out[TRAIL_JSON_NUMBER_SIZE]) {
  return (size_t)snprintf(out, TRAIL_JSON_NUMBER_SIZE, "%" PRId64, value);
}
