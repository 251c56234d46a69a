/* Link headers (policy/link): the input is the header's value. */
#include "policy/link.h"

#include <stdlib.h>

#include "fuzz.h"

struct reading {
  enum trail_link found;
  struct trail_slice target;
};

static struct reading read(struct trail_slice header) {
  struct reading reading = {TRAIL_LINK_ABSENT, {NULL, 0}};
  reading.found = trail_link_next(header, &reading.target);
  CHECK(fuzz_within(reading.target, header));
  CHECK(reading.found == TRAIL_LINK_FOUND || reading.target.bytes == NULL);
  return reading;
}

/* What it says with another link before or behind it. */
static void expect(const char *before, struct trail_slice header, const char *behind,
                   struct reading expected) {
  static char text[1 << 16];
  size_t first = strlen(before), last = strlen(behind);
  memcpy(text, before, first);
  if (header.size) memcpy(text + first, header.bytes, header.size);
  memcpy(text + first + header.size, behind, last);
  struct reading reading = read(trail_slice_of(text, first + header.size + last));
  CHECK(reading.found == expected.found);
  CHECK(trail_slice_same(reading.target, expected.target));
}

static void check_target(struct trail_slice header, struct trail_slice target) {
  CHECK(target.bytes > header.bytes && target.bytes[-1] == '<');
  CHECK(target.bytes + target.size < header.bytes + header.size);
  CHECK(target.bytes[target.size] == '>');
  CHECK(!target.size || !memchr(target.bytes, '>', target.size));
}

static void check_neighbours(struct trail_slice header, struct reading alone) {
  struct reading first = {TRAIL_LINK_FOUND, trail_slice_text("https://first/")};
  bool malformed = alone.found == TRAIL_LINK_MALFORMED;
  expect("<https://a/>; rel=prev, ", header, "", alone);
  expect("<https://a/>; anchor=\"#x\"; rel=next, ", header, "", alone);
  expect("<https://first/>; rel=\"x next\" ,", header, "", malformed ? alone : first);
  /* Behind what is malformed another link may end a text that was open. */
  if (!malformed) expect("", header, ", <https://a/>; rel=prev", alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice given = trail_slice_of((const char *)data, size);
  if (size > 60000) return -1;
  struct trail_slice header = trail_slice_of(fuzz_copy(given), size);
  struct reading alone = read(header);
  if (alone.found == TRAIL_LINK_FOUND) check_target(header, alone.target);
  check_neighbours(header, alone);
  free((char *)header.bytes);
  return 0;
}
