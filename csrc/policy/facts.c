#include "policy/facts.h"

#include <string.h>

#include "policy/http_date.h"

enum { LIMIT, REMAINING, RESET, RETRY_AFTER, DATE, AGE, REQUEST_ID, NAMES };

static const struct trail_slice names[NAMES] = {
#define NAME(text) \
  { text, sizeof text - 1 }
    [LIMIT] = NAME("x-ratelimit-limit"),
    [REMAINING] = NAME("x-ratelimit-remaining"),
    [RESET] = NAME("x-ratelimit-reset"),
    [RETRY_AFTER] = NAME("retry-after"),
    [DATE] = NAME("date"),
    [AGE] = NAME("age"),
    [REQUEST_ID] = NAME("x-request-id"),
#undef NAME
};

/* The values of the fields we know; a value that may not be trusted is left empty. */
static void collect(const struct trail_head *head, struct trail_slice values[NAMES]) {
  bool seen[NAMES] = {false};
  struct trail_head_field field;
  memset(values, 0, NAMES * sizeof *values);
  for (size_t cursor = 0; trail_head_next(head, &cursor, &field);)
    for (int i = 0; i < NAMES; i++) {
      if (!trail_slice_same_nocase(field.name, names[i])) continue;
      values[i] = seen[i] || field.folded ? trail_slice_of(NULL, 0) : field.value;
      seen[i] = true;
      break;
    }
}

void trail_facts_read(const struct trail_head *head, int64_t now, struct trail_facts *facts) {
  struct trail_slice values[NAMES];
  uint32_t age = 0;
  collect(head, values);
  memset(facts, 0, sizeof *facts);
  if (!trail_http_date_parse(values[DATE], now, &facts->date)) facts->date = -1;
  if (values[AGE].size) (void)trail_field_age(values[AGE], &age);
  facts->has_rate =
      age == 0 && trail_field_rate(values[LIMIT], values[REMAINING], values[RESET], &facts->rate);
  facts->retry_after_ms = trail_field_retry_after_ms(
      trail_field_retry_after(values[RETRY_AFTER], now), facts->date >= 0 ? facts->date : now);
  (void)trail_field_request_id(values[REQUEST_ID], &facts->request_id);
}
