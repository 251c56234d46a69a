#include "policy/field.h"

#include "policy/http_date.h"

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_token_byte(char c) {
  char letter = trail_slice_lower(c);
  if ((letter >= 'a' && letter <= 'z') || is_digit(c)) return true;
  return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

struct trail_slice trail_field_trim(struct trail_slice value) {
  while (value.size && is_blank(value.bytes[0])) value = trail_slice_from(value, 1);
  while (value.size && is_blank(value.bytes[value.size - 1])) value.size--;
  return value;
}

size_t trail_field_token_size(struct trail_slice text) {
  size_t size = 0;
  while (size < text.size && is_token_byte(text.bytes[size])) size++;
  return size;
}

bool trail_field_is_token(struct trail_slice text) {
  return text.size && trail_field_token_size(text) == text.size;
}

bool trail_field_is_value(struct trail_slice value) {
  for (size_t i = 0; i < value.size; i++) {
    unsigned char c = (unsigned char)value.bytes[i];
    if ((c < ' ' && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

bool trail_field_is_visible(struct trail_slice value, size_t max) {
  if (value.size == 0 || value.size > max) return false;
  for (size_t i = 0; i < value.size; i++) {
    if (value.bytes[i] < '!' || value.bytes[i] > '~') return false;
  }
  return true;
}

static bool all_digits(struct trail_slice value) {
  for (size_t i = 0; i < value.size; i++) {
    if (!is_digit(value.bytes[i])) return false;
  }
  return value.size != 0;
}

bool trail_field_uint(struct trail_slice value, uint64_t max, uint64_t *number) {
  uint64_t sum = 0;
  value = trail_field_trim(value);
  if (!all_digits(value)) return false;
  for (size_t i = 0; i < value.size; i++) {
    uint64_t digit = (uint64_t)(value.bytes[i] - '0');
    if (digit > max || sum > (max - digit) / 10) return false;
    sum = sum * 10 + digit;
  }
  *number = sum;
  return true;
}

static bool read_uint32(struct trail_slice value, uint32_t *number) {
  uint64_t wide;
  if (!trail_field_uint(value, UINT32_MAX, &wide)) return false;
  *number = (uint32_t)wide;
  return true;
}

bool trail_field_content_length(struct trail_slice value, uint64_t *bytes) {
  return trail_field_uint(value, INT64_MAX, bytes);
}

bool trail_field_age(struct trail_slice value, uint32_t *seconds) {
  if (read_uint32(value, seconds)) return true;
  if (!all_digits(trail_field_trim(value))) return false;
  *seconds = UINT32_MAX;
  return true;
}

bool trail_field_rate(struct trail_slice limit, struct trail_slice remaining,
                      struct trail_slice reset, struct trail_rate_fields *rate) {
  struct trail_rate_fields read;
  if (!read_uint32(limit, &read.limit) || !read_uint32(remaining, &read.remaining) ||
      !read_uint32(reset, &read.reset)) {
    return false;
  }
  *rate = read;
  return true;
}

struct trail_retry_after trail_field_retry_after(struct trail_slice value, int64_t now) {
  struct trail_retry_after after = {TRAIL_RETRY_AFTER_ABSENT, 0};
  uint32_t delay;
  if (read_uint32(value, &delay)) {
    after.kind = TRAIL_RETRY_AFTER_DELAY;
    after.seconds = delay;
  } else if (trail_http_date_parse(trail_field_trim(value), now, &after.seconds)) {
    after.kind = TRAIL_RETRY_AFTER_DATE;
  }
  return after;
}

int64_t trail_field_retry_after_ms(struct trail_retry_after after, int64_t server_now) {
  switch (after.kind) {
    case TRAIL_RETRY_AFTER_DELAY:
      return after.seconds * 1000;
    case TRAIL_RETRY_AFTER_DATE:
      return after.seconds > server_now ? (after.seconds - server_now) * 1000 : 0;
    case TRAIL_RETRY_AFTER_ABSENT:
      break;
  }
  return -1;
}

bool trail_field_request_id(struct trail_slice value, struct trail_slice *id) {
  value = trail_field_trim(value);
  if (!trail_field_is_visible(value, TRAIL_FIELD_REQUEST_ID_MAX)) return false;
  *id = value;
  return true;
}

static bool names_json(struct trail_slice subtype) {
  struct trail_slice suffix = trail_slice_text("+json");
  if (trail_slice_same_nocase(subtype, trail_slice_text("json"))) return true;
  return subtype.size > suffix.size &&
         trail_slice_same_nocase(trail_slice_from(subtype, subtype.size - suffix.size), suffix);
}

bool trail_field_is_json(struct trail_slice content_type) {
  struct trail_slice application = trail_slice_text("application/");
  struct trail_slice type = trail_field_trim(content_type);
  if (type.size < application.size) return false;
  struct trail_slice subtype = trail_slice_from(type, application.size);
  if (!trail_slice_same_nocase(trail_slice_of(type.bytes, application.size), application)) {
    return false;
  }
  size_t size = trail_field_token_size(subtype);
  struct trail_slice rest = trail_field_trim(trail_slice_from(subtype, size));
  if (rest.size && rest.bytes[0] != ';') return false;
  return names_json(trail_slice_of(subtype.bytes, size));
}
