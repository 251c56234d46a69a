/* A client's keys: where the current one comes from, and what to do when it is rejected.
 *
 * A function that gives the key is asked before the first call, and again when what it gave has
 * expired.
 * A file is looked at once a second at most and read again when it changed; what cannot be read any
 * more leaves the last key in place (a worker that dropped its privileges keeps working). After a
 * 401 comes, in this order: a key that somebody has put in place meanwhile, the source read once
 * more, the fallback key. A key that came in so is `unproven` until an answer accepts it; the
 * engine lets one call try it while the others wait. The key that worked stays the current one.
 */
#ifndef TRAIL_ENGINE_KEYRING_H
#define TRAIL_ENGINE_KEYRING_H

#include "engine/key.h"
#include "engine/key_file.h"

#define TRAIL_KEY_SOURCE_LIST(X)         \
  X(NONE, "none")                        \
  X(OPTION, "option key")                \
  X(ENVIRONMENT, "environment variable") \
  X(FILE, "key_file")                    \
  X(FUNCTION, "function key")

enum trail_key_source {
#define TRAIL_KEY_SOURCE_ENUM(name, text) TRAIL_KEY_##name,
  TRAIL_KEY_SOURCE_LIST(TRAIL_KEY_SOURCE_ENUM)
#undef TRAIL_KEY_SOURCE_ENUM
      TRAIL_KEY_SOURCE_COUNT
};

/* What to do before a call (the first of these) or after a 401. */
enum trail_key_verdict {
  TRAIL_KEY_GIVE_UP,
  TRAIL_KEY_ASK_FIRST,   /* the function key has to be asked: there is none, or it has expired */
  TRAIL_KEY_RETRY,       /* another key is in place */
  TRAIL_KEY_ASK,         /* the function key has to be asked, */
  TRAIL_KEY_ASK_FALLBACK /* or the function fallback_key, and the question put again */
};

struct trail_keyring {
  enum trail_key_source source;
  char *name; /* the file's path or the variable's name; NULL otherwise */
  struct trail_key current;
  struct trail_key other;
  bool asks;             /* the key is what a function gives, */
  int64_t good_until_us; /* and what it gave is good until then; 0: it has given nothing yet */
  bool swapped;          /* the current key is the one given as fallback_key */
  bool fallback_asks;    /* fallback_key is a function */
  bool unproven;
  unsigned stage; /* of the present rejection, see keyring.c */
  int64_t gave_up_us;
  int64_t looked_us;
  struct trail_key_file file;
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
TRAIL_MUST_USE enum trail_status trail_keyring_set_fallback(struct trail_keyring *keyring,
                                                            struct trail_slice key,
                                                            struct trail_key_fault *fault);

/* From now on a function gives the key; its first answer is yet to come. */
void trail_keyring_use_function(struct trail_keyring *keyring);
/* What the function has given is good until then. */
void trail_keyring_keep_until(struct trail_keyring *keyring, int64_t until_us);
/* Whether the function is to be asked before a call. */
bool trail_keyring_asks_first(const struct trail_keyring *keyring, int64_t now_us);

/* Before a request: looks at the file when a second has passed. The line is borrowed; NULL: none.
 */
struct trail_secret *trail_keyring_authorization(struct trail_keyring *keyring, int64_t now_us);

/* An answer that is no 401 came for a request with this line. */
void trail_keyring_accepted(struct trail_keyring *keyring, const struct trail_secret *line);
/* A 401 came. */
TRAIL_MUST_USE enum trail_key_verdict trail_keyring_rejected(struct trail_keyring *keyring,
                                                             const struct trail_secret *line,
                                                             int64_t now_us);

const char *trail_keyring_source_name(enum trail_key_source source);

#endif
