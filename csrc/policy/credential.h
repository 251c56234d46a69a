/* What an API key may look like (guide, step 2: one token behind "Bearer" and one space).
 *
 * Surrounding whitespace, a file's last newline say, is trimmed. A key must then be visible ASCII
 * from end to end, so that it cannot end its header line. Texts name the rule and never the key.
 */
#ifndef TRAIL_POLICY_CREDENTIAL_H
#define TRAIL_POLICY_CREDENTIAL_H

#include "base/slice.h"

#define TRAIL_CREDENTIAL_MAX 8192

#define TRAIL_CREDENTIAL_LIST(X)                                           \
  X(OK, "can be sent")                                                     \
  X(EMPTY, "is empty")                                                     \
  X(WHITESPACE, "holds whitespace: it must be the key alone, on one line") \
  X(CONTROL, "holds a control byte: is it really the key?")                \
  X(NON_ASCII, "holds a byte that is not ASCII: is it really the key?")    \
  X(TOO_LONG, "is longer than 8192 bytes: is it really the key?")

enum trail_credential {
#define TRAIL_CREDENTIAL_ENUM(name, text) TRAIL_CREDENTIAL_##name,
  TRAIL_CREDENTIAL_LIST(TRAIL_CREDENTIAL_ENUM)
#undef TRAIL_CREDENTIAL_ENUM
      TRAIL_CREDENTIAL_COUNT
};

/* `key` is set to the trimmed one where the answer is TRAIL_CREDENTIAL_OK. */
enum trail_credential trail_credential_check(struct trail_slice given, struct trail_slice *key);
const char *trail_credential_text(enum trail_credential reason);

/* Begins with "tm_live_"; another may be an OAuth token and is sent all the same. */
bool trail_credential_is_prefixed(struct trail_slice key);

#endif
