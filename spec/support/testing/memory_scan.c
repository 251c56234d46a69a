/* Looks for bytes in the process's own memory: what is freed but not wiped is there, too. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "testing.h"

enum { LONGEST = 256, WINDOW = 65536, MASK = 0x5a };

/* The needle XORed with MASK, so that looking for it puts no copy of it into memory. */
struct needle {
  unsigned char masked[LONGEST];
  size_t size;
};

static bool is_at(const struct needle *needle, const unsigned char *bytes) {
  for (size_t i = 0; i < needle->size; i++)
    if ((bytes[i] ^ MASK) != needle->masked[i]) return false;
  return true;
}

static size_t count_in_window(const struct needle *needle, const unsigned char *bytes,
                              size_t size) {
  size_t found = 0;
  for (const unsigned char *at = bytes, *end = bytes + size;
       (at = memchr(at, needle->masked[0] ^ MASK, (size_t)(end - at))); at++) {
    if ((size_t)(end - at) < needle->size) break;
    found += is_at(needle, at);
  }
  return found;
}

/* Windows overlap by all but one byte of the needle. Pages that cannot be read are passed over. */
static size_t count_in_range(int memory, off_t from, off_t to, const struct needle *needle) {
  static unsigned char window[WINDOW];
  size_t found = 0;
  for (off_t step = WINDOW - (off_t)needle->size + 1; from < to; from += step) {
    size_t size = to - from < WINDOW ? (size_t)(to - from) : WINDOW;
    ssize_t got = pread(memory, window, size, from);
    if (got > 0) found += count_in_window(needle, window, (size_t)got);
  }
  memset(window, 0, sizeof window);
  return found;
}

/* The sanitizers reserve terabytes for their notes; no byte of ours is in there. */
static bool is_worth_reading(const char *line, unsigned long *from, unsigned long *to) {
  char rights[5];
  return sscanf(line, "%lx-%lx %4s", from, to, rights) == 3 && rights[0] == 'r' &&
         rights[1] == 'w' && *to - *from < 1UL << 30;
}

/* count(masked) -> how often the bytes are in writable memory */
static int count(lua_State *L) {
  struct needle needle;
  char line[512];
  unsigned long from, to;
  size_t found = 0;
  const char *masked = luaL_checklstring(L, 1, &needle.size);
  luaL_argcheck(L, needle.size >= 8 && needle.size <= LONGEST, 1, "8 to 256 bytes");
  memcpy(needle.masked, masked, needle.size);
  int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  FILE *maps = fopen("/proc/self/maps", "re");
  if (memory < 0 || !maps) return luaL_error(L, "/proc/self cannot be read");
  while (fgets(line, sizeof line, maps))
    if (is_worth_reading(line, &from, &to))
      found += count_in_range(memory, (off_t)from, (off_t)to, &needle);
  fclose(maps);
  close(memory);
  lua_pushinteger(L, (lua_Integer)found);
  return 1;
}

const luaL_Reg trail_testing_memory_scan[] = {
    {"count", count},
    {NULL, NULL},
};
