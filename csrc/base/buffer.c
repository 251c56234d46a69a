#include "base/buffer.h"

#include "base/memory.h"

#include <stdint.h>

enum { FIRST_CAPACITY = 512 };

void trail_buffer_init(struct trail_buffer *buffer, size_t limit) {
  /* One below the largest size, so that the NUL always has a place. */
  *buffer = (struct trail_buffer){.limit = limit < SIZE_MAX ? limit : SIZE_MAX - 1};
}

static size_t grown(const struct trail_buffer *buffer, size_t needed) {
  size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
  while (capacity < needed) {
    if (capacity > SIZE_MAX / 2) return needed;
    capacity *= 2;
  }
  return capacity <= buffer->limit ? capacity : buffer->limit + 1;
}

static enum trail_status make_room(struct trail_buffer *buffer, size_t size) {
  if (size > buffer->limit - buffer->size) return TRAIL_TOO_LARGE;
  size_t needed = buffer->size + size + 1;
  if (needed <= buffer->capacity) return TRAIL_OK;
  size_t capacity = grown(buffer, needed);
  char *bytes = trail_memory_resize(buffer->bytes, capacity);
  if (!bytes) return TRAIL_NO_MEMORY;
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return TRAIL_OK;
}

enum trail_status trail_buffer_append(struct trail_buffer *buffer, const void *bytes, size_t size) {
  if (size == 0) return TRAIL_OK;
  enum trail_status status = make_room(buffer, size);
  if (status != TRAIL_OK) return status;
  memcpy(buffer->bytes + buffer->size, bytes, size);
  buffer->size += size;
  buffer->bytes[buffer->size] = '\0';
  return TRAIL_OK;
}

enum trail_status trail_buffer_append_byte(struct trail_buffer *buffer, char byte) {
  return trail_buffer_append(buffer, &byte, 1);
}

enum trail_status trail_buffer_append_text(struct trail_buffer *buffer, const char *text) {
  return trail_buffer_append(buffer, text, strlen(text));
}

enum trail_status trail_buffer_append_slice(struct trail_buffer *buffer, struct trail_slice slice) {
  return trail_buffer_append(buffer, slice.bytes, slice.size);
}

const char *trail_buffer_text(const struct trail_buffer *buffer) {
  return buffer->bytes ? buffer->bytes : "";
}

struct trail_slice trail_buffer_slice(const struct trail_buffer *buffer) {
  return trail_slice_of(trail_buffer_text(buffer), buffer->size);
}

char *trail_buffer_take(struct trail_buffer *buffer, size_t *size) {
  char *bytes = buffer->bytes;
  *size = buffer->size;
  trail_buffer_init(buffer, buffer->limit);
  return bytes;
}

void trail_buffer_reset(struct trail_buffer *buffer) {
  if (buffer->capacity > TRAIL_BUFFER_KEEP) {
    trail_buffer_clear(buffer);
    return;
  }
  buffer->size = 0;
  if (buffer->bytes) buffer->bytes[0] = '\0';
}

void trail_buffer_clear(struct trail_buffer *buffer) {
  trail_memory_free(buffer->bytes);
  trail_buffer_init(buffer, buffer->limit);
}
