/* A fuzzer without libFuzzer: runs the files it is given, and fails with the first that does. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { MOST = 1 << 20 };

static bool replay(const char *path) {
  static uint8_t bytes[MOST];
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  size_t size = fread(bytes, 1, MOST, file);
  fclose(file);
  char *copy = fuzz_copy(trail_slice_of((char *)bytes, size));
  (void)LLVMFuzzerTestOneInput((uint8_t *)copy, size);
  free(copy);
  return true;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (replay(argv[i])) continue;
    perror(argv[i]);
    return 1;
  }
  return 0;
}
