#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

void fuzz_fail(const char *promise, const char *file, int line) {
  fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, promise);
  abort();
}

static char *allocate(size_t size) {
  char *bytes = malloc(size ? size : 1);
  CHECK(bytes != NULL);
  return bytes;
}

char *fuzz_copy(struct trail_slice bytes) {
  char *copy = allocate(bytes.size);
  if (bytes.size) memcpy(copy, bytes.bytes, bytes.size);
  return copy;
}

char *fuzz_text(struct trail_slice bytes) {
  char *copy = allocate(bytes.size + 1);
  if (bytes.size) memcpy(copy, bytes.bytes, bytes.size);
  copy[bytes.size] = '\0';
  return copy;
}

struct trail_slice fuzz_line(struct trail_slice *rest) {
  const char *end = rest->size ? memchr(rest->bytes, '\n', rest->size) : NULL;
  size_t size = end ? (size_t)(end - rest->bytes) : rest->size;
  struct trail_slice line = trail_slice_of(rest->bytes, size);
  *rest = trail_slice_from(*rest, end ? size + 1 : size);
  return line;
}

bool fuzz_within(struct trail_slice part, struct trail_slice whole) {
  if (part.size == 0) return true;
  return part.bytes >= whole.bytes && part.bytes + part.size <= whole.bytes + whole.size;
}
