#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"

bool trail_random_bytes(void *bytes, size_t size) {
  char *to = bytes;
  while (size) {
    ssize_t got = getrandom(to, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= (size_t)got;
  }
  return true;
}

uint32_t trail_random_u32(void) {
  uint32_t number;
  if (trail_random_bytes(&number, sizeof number)) return number;
  return (uint32_t)trail_clock_boot_us() * 2654435761u;
}
