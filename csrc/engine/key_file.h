/* A file that holds a key: read through secret memory, and recognised when it changes. */
#ifndef TRAIL_ENGINE_KEY_FILE_H
#define TRAIL_ENGINE_KEY_FILE_H

#include <time.h>

#include "engine/key.h"

/* What the file looked like when it was read. */
struct trail_key_file {
  uint64_t device, inode;
  int64_t size;
  struct timespec modified;
  int problem; /* errno of the latest reading, or -1 where it held no key; 0: it was fine */
};

/* Takes the key that the file holds; on failure `key` stays as it was, and `file` but for that. */
TRAIL_MUST_USE enum trail_status trail_key_file_read(struct trail_key_file *file, const char *path,
                                                     struct trail_key *key,
                                                     struct trail_key_fault *fault);
/* False too where it cannot be looked at. */
bool trail_key_file_has_changed(const struct trail_key_file *file, const char *path);

#endif
