#include "base/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/spares.h"

int (*trail_memory_refuse)(void);

static atomic_uint failures;

static int refused(void) { return trail_memory_refuse && trail_memory_refuse(); }

static void *counted(void *block) {
  if (!block) atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
  return block;
}

unsigned trail_memory_failures(void) {
  return atomic_load_explicit(&failures, memory_order_relaxed);
}

void *trail_memory_alloc(size_t size) {
  if (refused()) return counted(NULL);
  void *spare = trail_spares_take(size);
  return spare ? spare : counted(malloc(size ? size : 1));
}

void *trail_memory_zalloc(size_t count, size_t size) {
  if (refused()) return counted(NULL);
  size_t bytes;
  void *spare = __builtin_mul_overflow(count, size, &bytes) ? NULL : trail_spares_take(bytes);
  return spare ? spare : counted(calloc(count ? count : 1, size ? size : 1));
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
  size_t usable = malloc_usable_size(block);
  trail_memory_wipe(block, usable);
  if (!trail_spares_keep(block, usable)) free(block);
}

void trail_memory_begin_worker(void) { trail_spares_begin(); }

void trail_memory_end_worker(void) {
  for (void *block; (block = trail_spares_end());) free(block);
}

void trail_memory_wipe(void *bytes, size_t size) { explicit_bzero(bytes, size); }
