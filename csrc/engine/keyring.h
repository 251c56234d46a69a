/* A client's key: where it comes from, and the header line made of it.
 *
 * The line "Authorization: Bearer <key>" is built once, in secret memory; requests borrow it. A
 * file is looked at once a second at most and read again when it changed; what cannot be read any
 * more leaves the last key in place (a worker that dropped its privileges keeps working). Faults
 * name the source, never the key.
 */
#ifndef TRAIL_ENGINE_KEYRING_H
#define TRAIL_ENGINE_KEYRING_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/secret.h"
#include "base/slice.h"
#include "base/status.h"

enum trail_key_source {
  TRAIL_KEY_NONE,
  TRAIL_KEY_OPTION,
  TRAIL_KEY_ENVIRONMENT,
  TRAIL_KEY_FILE,
  TRAIL_KEY_FUNCTION
};

struct trail_keyring {
  enum trail_key_source source;
  char *name; /* the file's path or the variable's name; NULL otherwise */
  struct trail_secret *authorization;
  char last4[5]; /* the key's last characters; "" where it is too short to show any */
  bool prefixed; /* begins with tm_live_ */
  int64_t looked_us;
  uint64_t device, inode;
  int64_t size;
  struct timespec modified;
};

/* `fault` gets a sentence for people when the status is TRAIL_CONFIG. */
struct trail_key_fault {
  char text[512];
};

void trail_keyring_clear(struct trail_keyring *keyring);

TRAIL_MUST_USE enum trail_status trail_keyring_set(struct trail_keyring *keyring,
                                                   enum trail_key_source source,
                                                   struct trail_slice key,
                                                   struct trail_key_fault *fault);
TRAIL_MUST_USE enum trail_status trail_keyring_use_environment(struct trail_keyring *keyring,
                                                               const char *variable,
                                                               struct trail_key_fault *fault);
TRAIL_MUST_USE enum trail_status trail_keyring_use_file(struct trail_keyring *keyring,
                                                        const char *path, int64_t now_us,
                                                        struct trail_key_fault *fault);

/* Before a request: looks at the file when a second has passed. The line is borrowed; NULL: there
 * is none. */
struct trail_secret *trail_keyring_authorization(struct trail_keyring *keyring, int64_t now_us);

/* The key within such a line. */
struct trail_slice trail_keyring_key_of(struct trail_secret *authorization);

#endif
