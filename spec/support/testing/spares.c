#include "base/spares.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "testing.h"

enum { BLOCKS = 4096, SIZE = 1000 };

static bool is_zero(const unsigned char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (bytes[i]) return false;
  return true;
}

/* keeps() -> whether this build keeps blocks in this thread at all */
static int keeps(lua_State *L) {
  void *block = calloc(1, 100);
  bool kept = trail_spares_keep(block, 100);
  free(kept ? trail_spares_take(100) : block);
  lua_pushboolean(L, kept);
  return 1;
}

/* again(size) -> whether a freed block is given out again for its own size, and whether it is zero.
 * malloc may have given more than was asked for: what would be left over was too small to be kept. */
static int again(lua_State *L) {
  size_t size = (size_t)luaL_checknumber(L, 1);
  void *first = trail_memory_alloc(size);
  size_t usable = malloc_usable_size(first);
  memset(first, 0xa5, usable);
  trail_memory_free(first);
  unsigned char *second = trail_spares_take(usable);
  lua_pushboolean(L, second == first);
  lua_pushboolean(L, second && is_zero(second, usable));
  free(second);
  return 2;
}

/* fits(from, to): frees a block of `from` bytes and asks for `to` -> whether what comes has room */
static int fits(lua_State *L) {
  size_t from = (size_t)luaL_checknumber(L, 1), to = (size_t)luaL_checknumber(L, 2);
  trail_memory_free(trail_memory_alloc(from));
  void *block = trail_memory_alloc(to);
  lua_pushboolean(L, malloc_usable_size(block) >= to);
  free(block);
  return 1;
}

/* most() -> how many bytes are kept of four MiB that are freed */
static int most(lua_State *L) {
  static void *blocks[BLOCKS];
  size_t bytes = 0;
  for (int i = 0; i < BLOCKS; i++) blocks[i] = trail_memory_alloc(SIZE);
  for (int i = 0; i < BLOCKS; i++) trail_memory_free(blocks[i]);
  for (void *block; (block = trail_spares_take(SIZE)); free(block)) bytes += SIZE;
  lua_pushnumber(L, (lua_Number)bytes);
  return 1;
}

static void *in_thread(void *context) {
  bool *any = context;
  void *block = calloc(1, SIZE);
  *any = trail_spares_take(SIZE) || trail_spares_keep(block, SIZE);
  if (!*any) free(block);
  return NULL;
}

/* elsewhere() -> whether another thread is given a block, or may keep one */
static int elsewhere(lua_State *L) {
  pthread_t thread;
  bool any = true;
  trail_memory_free(trail_memory_alloc(SIZE));
  if (pthread_create(&thread, NULL, in_thread, &any)) return luaL_error(L, "no thread");
  pthread_join(thread, NULL);
  lua_pushboolean(L, any);
  return 1;
}

static void *as_worker(void *context) {
  bool *kept = context;
  void *block = calloc(1, SIZE);
  trail_memory_begin_worker();
  kept[0] = trail_spares_keep(block, SIZE) && trail_spares_take(SIZE) == block;
  if (kept[0])
    kept[0] = trail_spares_keep(block, SIZE);
  else
    free(block);
  trail_memory_end_worker();
  kept[1] = trail_spares_take(SIZE) != NULL;
  return NULL;
}

/* in_worker() -> whether the worker's thread is given what it keeps, and whether it is once it has
 * ended */
static int in_worker(lua_State *L) {
  pthread_t thread;
  bool kept[2] = {false, true};
  if (pthread_create(&thread, NULL, as_worker, kept)) return luaL_error(L, "no thread");
  pthread_join(thread, NULL);
  lua_pushboolean(L, kept[0]);
  lua_pushboolean(L, kept[1]);
  return 2;
}

const luaL_Reg trail_testing_spares[] = {
    {"keeps", keeps},         {"again", again},         {"fits", fits}, {"most", most},
    {"elsewhere", elsewhere}, {"in_worker", in_worker}, {NULL, NULL},
};
