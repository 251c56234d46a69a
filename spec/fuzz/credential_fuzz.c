/* API keys (policy/credential): the input is what a caller or a file gives as one. */
#include "policy/credential.h"

#include <stdlib.h>

#include "fuzz.h"

static bool is_space(char c) { return strchr(" \t\n\v\f\r", c) && c; }

static struct trail_slice trimmed(struct trail_slice text) {
  while (text.size && is_space(text.bytes[0])) text = trail_slice_from(text, 1);
  while (text.size && is_space(text.bytes[text.size - 1])) text.size--;
  return text;
}

static bool all_visible(struct trail_slice text) {
  for (size_t i = 0; i < text.size; i++)
    if (text.bytes[i] < 0x21 || text.bytes[i] > 0x7e) return false;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice given = trail_slice_of((const char *)data, size), key = {NULL, 0};
  given.bytes = fuzz_copy(given);
  struct trail_slice text = trimmed(given);
  enum trail_credential verdict = trail_credential_check(given, &key);
  bool good = text.size && text.size <= TRAIL_CREDENTIAL_MAX && all_visible(text);
  CHECK((verdict == TRAIL_CREDENTIAL_OK) == good);
  CHECK((verdict == TRAIL_CREDENTIAL_EMPTY) == (text.size == 0));
  CHECK(*trail_credential_text(verdict) != '\0');
  if (good) {
    CHECK(fuzz_within(key, given) && trail_slice_same(key, text));
    CHECK(trail_credential_is_prefixed(key) ==
          (key.size >= 8 && memcmp(key.bytes, "tm_live_", 8) == 0));
  } else {
    CHECK(key.bytes == NULL);
  }
  free((char *)given.bytes);
  return 0;
}
