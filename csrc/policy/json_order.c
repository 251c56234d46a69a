#include "policy/json_order.h"

#include <stdlib.h>

size_t trail_json_order_count(struct trail_slice text) {
  size_t count = 0, at = 0;
  while (at < text.size) {
    if (text.bytes[at] == '"') {
      at = trail_json_text_string_end(text, at);
    } else {
      count += text.bytes[at++] == ':';
    }
  }
  return count;
}

struct order {
  char *bytes;
  struct trail_slice text; /* the same bytes, to be read */
  struct trail_json_order_member *members;
  size_t count; /* members of the objects around the place that is read */
  char *scratch;
};

/* -- One object's members ---------------------------------------------------------------------- */

static int compare(const void *left, const void *right) {
  const struct trail_json_order_member *a = left, *b = right;
  size_t common = a->name.size < b->name.size ? a->name.size : b->name.size;
  int difference = memcmp(a->name.bytes, b->name.bytes, common);
  return difference ? difference : (a->name.size > b->name.size) - (a->name.size < b->name.size);
}

static bool is_ordered(const struct trail_json_order_member *members, size_t count) {
  for (size_t i = 1; i < count; i++) {
    if (compare(&members[i - 1], &members[i]) > 0) return false;
  }
  return true;
}

/* Puts the members back where they were read, from `start` on, in their order. */
static void rearrange(struct order *order, size_t start, struct trail_json_order_member *members,
                      size_t count) {
  if (is_ordered(members, count)) return;
  qsort(members, count, sizeof *members, compare);
  char *to = order->scratch;
  for (size_t i = 0; i < count; i++) {
    if (i) *to++ = ',';
    memcpy(to, members[i].text.bytes, members[i].text.size);
    to += members[i].text.size;
  }
  memcpy(order->bytes + start, order->scratch, (size_t)(to - order->scratch));
}

/* -- The walk ---------------------------------------------------------------------------------- */

/* Each orders what begins at `at` and returns where it ends. What is inside comes first: it moves
 * within its own bounds, so those of the members around it stay true. */
static size_t order_value(struct order *order, size_t at);

static size_t order_elements(struct order *order, size_t at) {
  const char *bytes = order->text.bytes;
  if (bytes[++at] == ']') return at + 1;
  for (at = order_value(order, at); bytes[at] == ',';) at = order_value(order, at + 1);
  return at + 1;
}

static size_t order_member(struct order *order, size_t at) {
  struct trail_json_order_member *member = &order->members[order->count++];
  size_t name_end = trail_json_text_string_end(order->text, at);
  size_t end = order_value(order, name_end + 1);
  member->name = trail_slice_of(order->text.bytes + at + 1, name_end - at - 2);
  member->text = trail_slice_of(order->text.bytes + at, end - at);
  return end;
}

static size_t order_members(struct order *order, size_t at) {
  const char *bytes = order->text.bytes;
  size_t start = at + 1, outside = order->count;
  if (bytes[start] == '}') return start + 1;
  for (at = order_member(order, start); bytes[at] == ',';) at = order_member(order, at + 1);
  rearrange(order, start, order->members + outside, order->count - outside);
  order->count = outside;
  return at + 1;
}

static size_t order_value(struct order *order, size_t at) {
  const char *bytes = order->text.bytes;
  switch (bytes[at]) {
    case '{':
      return order_members(order, at);
    case '[':
      return order_elements(order, at);
    case '"':
      return trail_json_text_string_end(order->text, at);
    default: /* a number, true, false or null */
      while (at < order->text.size && !strchr(",]}", bytes[at])) at++;
      return at;
  }
}

void trail_json_order_apply(char *text, size_t size, struct trail_json_order_member *members,
                            char *scratch) {
  struct order order = {
      .bytes = text, .text = trail_slice_of(text, size), .members = members, .scratch = scratch,
  };
  order_value(&order, 0);
}
