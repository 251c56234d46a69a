/* A view of bytes that belong to someone else: neither NUL-terminated nor owned.
 *
 * Every parser takes one and reads nothing past its end. An absent value is { NULL, 0 }.
 * Letters compare as ASCII whatever the locale, as HTTP wants it.
 */
#ifndef TRAIL_BASE_SLICE_H
#define TRAIL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct trail_slice {
  const char *bytes;
  size_t size;
};

static inline struct trail_slice trail_slice_of(const char *bytes, size_t size) {
  return (struct trail_slice){bytes, size};
}

static inline struct trail_slice trail_slice_text(const char *text) {
  return (struct trail_slice){text, strlen(text)};
}

/* What is left after the first `count` bytes; count is at most the size. */
static inline struct trail_slice trail_slice_from(struct trail_slice slice, size_t count) {
  return count ? (struct trail_slice){slice.bytes + count, slice.size - count} : slice;
}

static inline bool trail_slice_same(struct trail_slice a, struct trail_slice b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

static inline char trail_slice_lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool trail_slice_same_nocase(struct trail_slice a, struct trail_slice b) {
  if (a.size != b.size) return false;
  for (size_t i = 0; i < a.size; i++) {
    char x = a.bytes[i], y = b.bytes[i];
    if (x != y && trail_slice_lower(x) != trail_slice_lower(y)) return false;
  }
  return true;
}

#endif
