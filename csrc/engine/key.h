/* One key, as the header line it is sent in, and what may be told of it.
 *
 * The line "Authorization: Bearer <key>" is built once, in secret memory; requests borrow it.
 */
#ifndef TRAIL_ENGINE_KEY_H
#define TRAIL_ENGINE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/slice.h"
#include "base/status.h"

struct trail_key {
  struct trail_secret *line; /* NULL: there is none */
  char last4[5];             /* the key's last characters; "" where it is too short to show any */
  bool prefixed;             /* begins with tm_live_ */
  int64_t bad_until_us;      /* answered by a 401; not worth a trial before then */
};

/* `fault` gets a sentence for people when the status is TRAIL_CONFIG: it names the source, never
 * the key. */
struct trail_key_fault {
  char text[512];
};

/* Takes a key in place of the one there; the same key again changes nothing. `source` and `name`
 * (NULL: none) say in a fault where it came from. */
TRAIL_MUST_USE enum trail_status trail_key_adopt(struct trail_key *key, struct trail_slice given,
                                                 const char *source, const char *name,
                                                 struct trail_key_fault *fault);
void trail_key_clear(struct trail_key *key);

/* The key within a line. */
struct trail_slice trail_key_of(struct trail_secret *line);

/* Fills `fault` and returns TRAIL_CONFIG. */
enum trail_status trail_key_complain(struct trail_key_fault *fault, const char *source,
                                     const char *name, const char *what);

#endif
