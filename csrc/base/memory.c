#include "base/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int (*trail_memory_refuse)(void);

static int refused(void) { return trail_memory_refuse && trail_memory_refuse(); }

void *trail_memory_alloc(size_t size) {
  if (refused()) return NULL;
  return malloc(size ? size : 1);
}

void *trail_memory_zalloc(size_t count, size_t size) {
  if (refused()) return NULL;
  return calloc(count ? count : 1, size ? size : 1);
}

void *trail_memory_resize(void *block, size_t size) {
  if (!block) return trail_memory_alloc(size);
  size_t usable = malloc_usable_size(block);
  if (size && size <= usable && size >= usable / 2) return block;
  /* realloc would move the bytes and leave the old ones readable in the heap. */
  void *moved = trail_memory_alloc(size);
  if (!moved) return NULL;
  memcpy(moved, block, size < usable ? size : usable);
  trail_memory_free(block);
  return moved;
}

char *trail_memory_copy(const void *bytes, size_t size) {
  if (size == SIZE_MAX) return NULL;
  char *copy = trail_memory_alloc(size + 1);
  if (!copy) return NULL;
  if (size) memcpy(copy, bytes, size);
  copy[size] = '\0';
  return copy;
}

void trail_memory_free(void *block) {
  if (!block) return;
  trail_memory_wipe(block, malloc_usable_size(block));
  free(block);
}

void trail_memory_wipe(void *bytes, size_t size) { explicit_bzero(bytes, size); }
