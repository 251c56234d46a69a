#include "guard.h"

#include <sys/mman.h>

enum { AREA_COUNT = 8, AREA_SIZE = 128 * 1024, GUARD_SIZE = 64 * 1024 };

/* Mapped at first use and kept. Returns the first byte that cannot be read. */
static char *area_end(lua_State *L, int arg) {
  static char *areas[AREA_COUNT];
  char **area = &areas[arg - 1];
  if (*area) return *area + AREA_SIZE;
  char *map = mmap(NULL, AREA_SIZE + GUARD_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED || mprotect(map + AREA_SIZE, GUARD_SIZE, PROT_NONE)) {
    luaL_error(L, "no guarded memory");
  }
  *area = map;
  return map + AREA_SIZE;
}

struct trail_slice trail_guard_slice(lua_State *L, int arg) {
  size_t size;
  if (lua_isnoneornil(L, arg)) return trail_slice_of(NULL, 0);
  const char *bytes = luaL_checklstring(L, arg, &size);
  luaL_argcheck(L, arg <= AREA_COUNT && size <= AREA_SIZE, arg, "too large for a guarded area");
  char *copy = area_end(L, arg) - size;
  memcpy(copy, bytes, size);
  return trail_slice_of(copy, size);
}

void trail_guard_push(lua_State *L, struct trail_slice slice) {
  lua_pushlstring(L, slice.size ? slice.bytes : "", slice.size);
}
