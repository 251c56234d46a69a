#include "base/memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "testing.h"

#if defined __SANITIZE_ADDRESS__
#define HAS_ASAN 1
#else
#define HAS_ASAN 0
#endif

/* What AddressSanitizer forbids (to look at a freed block) is left out there. */
static int has_asan(lua_State *L) {
  lua_pushboolean(L, HAS_ASAN);
  return 1;
}

/* A freed block stays in the allocator's list for its size, so the next of that size is the same
 * one. glibc writes two words of its own at its beginning; the rest is as it was left. */
enum { OWN = 2 * sizeof(void *) };

static int push_wiped(lua_State *L, const unsigned char *bytes, size_t size) {
  size_t left = 0;
  for (size_t i = OWN; i < size; i++) left += bytes[i] != 0;
  lua_pushnumber(L, (lua_Number)left);
  return 1;
}

/* left_by_free(size) -> how many bytes of a freed block are not zero */
static int left_by_free(lua_State *L) {
  size_t size = (size_t)luaL_checknumber(L, 1);
  unsigned char *block = trail_memory_alloc(size);
  uintptr_t was_at = (uintptr_t)block;
  memset(block, 0xa5, size);
  trail_memory_free(block);
  unsigned char *again = trail_memory_alloc(size);
  bool same = (uintptr_t)again == was_at;
  push_wiped(L, again, size);
  trail_memory_free(again);
  return same ? 1 : luaL_error(L, "the block was not given out again");
}

/* left_by_resize(from, to) -> how many bytes of the block left behind are not zero */
static int left_by_resize(lua_State *L) {
  size_t from = (size_t)luaL_checknumber(L, 1), to = (size_t)luaL_checknumber(L, 2);
  unsigned char *block = trail_memory_alloc(from);
  uintptr_t was_at = (uintptr_t)block;
  memset(block, 0xa5, from);
  unsigned char *moved = trail_memory_resize(block, to);
  bool stayed = (uintptr_t)moved == was_at;
  unsigned char *again = trail_memory_alloc(from);
  bool same = (uintptr_t)again == was_at;
  push_wiped(L, again, from);
  trail_memory_free(again);
  trail_memory_free(moved);
  if (stayed) return luaL_error(L, "the block was not moved");
  return same ? 1 : luaL_error(L, "the block was not given out again");
}

/* resize(from, to) -> are the bytes that both sizes hold the same, and is the block as large */
static int resize(lua_State *L) {
  size_t from = (size_t)luaL_checknumber(L, 1), to = (size_t)luaL_checknumber(L, 2);
  unsigned char *block = from ? trail_memory_alloc(from) : NULL;
  for (size_t i = 0; i < from; i++) block[i] = (unsigned char)(i * 7 + 1);
  block = trail_memory_resize(block, to);
  bool same = true;
  for (size_t i = 0; i < from && i < to; i++) same = same && block[i] == (unsigned char)(i * 7 + 1);
  lua_pushboolean(L, same);
  lua_pushboolean(L, malloc_usable_size(block) >= to);
  memset(block, 1, to);
  trail_memory_free(block);
  return 2;
}

static int refuse(void) { return 1; }

/* starved() -> which of alloc, zalloc, resize of nothing, resize of something, copy gave a block;
 * and whether the block that could not be resized is as it was */
static int starved(lua_State *L) {
  char *block = trail_memory_copy("kept", 4);
  trail_memory_refuse = refuse;
  void *got[] = {trail_memory_alloc(8), trail_memory_zalloc(2, 8), trail_memory_resize(NULL, 8),
                 trail_memory_resize(block, 4096), trail_memory_copy("x", 1)};
  trail_memory_refuse = NULL;
  for (int i = 0; i < 5; i++) lua_pushboolean(L, got[i] != NULL);
  lua_pushstring(L, block);
  trail_memory_free(block);
  return 6;
}

/* edges() -> is there a block for nothing, is there a copy of too much, a copy of nothing */
static int edges(lua_State *L) {
  void *empty = trail_memory_alloc(0), *none = trail_memory_zalloc(0, 0);
  char *nothing = trail_memory_copy(NULL, 0);
  char *too_much = trail_memory_copy("x", SIZE_MAX);
  lua_pushboolean(L, empty != NULL && none != NULL);
  lua_pushboolean(L, too_much != NULL);
  lua_pushstring(L, nothing);
  trail_memory_free(empty);
  trail_memory_free(none);
  trail_memory_free(nothing);
  trail_memory_free(NULL);
  return 3;
}

/* zalloc_too_much() -> is there a block whose size wraps around; a sanitizer ends the process */
static int zalloc_too_much(lua_State *L) {
  volatile size_t half = SIZE_MAX / 2 + 1;
  void *product = trail_memory_zalloc(half, 4);
  lua_pushboolean(L, product != NULL);
  trail_memory_free(product);
  return 1;
}

/* wipe(bytes) -> the bytes after the wipe of all but the first and the last */
static int wipe(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  char copy[64];
  luaL_argcheck(L, size >= 2 && size <= sizeof copy, 1, "2 to 64 bytes");
  memcpy(copy, bytes, size);
  trail_memory_wipe(copy + 1, size - 2);
  lua_pushlstring(L, copy, size);
  return 1;
}

const luaL_Reg trail_testing_memory[] = {
    {"has_asan", has_asan},
    {"left_by_free", left_by_free},
    {"left_by_resize", left_by_resize},
    {"resize", resize},
    {"starved", starved},
    {"edges", edges},
    {"zalloc_too_much", zalloc_too_much},
    {"wipe", wipe},
    {NULL, NULL},
};
