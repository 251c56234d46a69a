/* What a caller may add to the head of a request.
 *
 * A name is a token, a value holds no control byte, so neither can end its line and begin another.
 * Fields that frame the request, carry the credential, or have an option of their own stay ours.
 * Accept may be overridden (a caller may want a report as CSV); Accept-Encoding may not, as
 * decoding is the client's.
 */
#ifndef TRAIL_POLICY_CALLER_HEADER_H
#define TRAIL_POLICY_CALLER_HEADER_H

#include "base/slice.h"

#define TRAIL_CALLER_HEADER_NAME_MAX 256
#define TRAIL_CALLER_HEADER_VALUE_MAX 8192
#define TRAIL_IDEMPOTENCY_KEY_MAX 255

/* The texts follow the header's name in a message and say the remedy where there is one. */
#define TRAIL_CALLER_HEADER_LIST(X)                                                          \
  X(OK, "can be sent")                                                                       \
  X(NO_NAME, "has no name")                                                                  \
  X(NAME_BYTE, "has a byte in its name that is neither a letter, a digit nor one of "        \
               "! # $ % & ' * + - . ^ _ ` | ~")                                              \
  X(VALUE_BYTE, "has a control byte in its value (only a tab is allowed)")                   \
  X(TOO_LONG, "is too long: a name may have 256 bytes, a value 8192")                        \
  X(FRAMING, "cannot be set: it frames the request, which the client does itself")           \
  X(CREDENTIAL, "cannot be set: give the key with the option key, key_file or fallback_key") \
  X(PROXY, "cannot be set: headers for a proxy are the client's own, see the option proxy")  \
  X(IDEMPOTENCY, "cannot be set as a header: use the option idempotency_key")                \
  X(CONTENT_TYPE, "cannot be set as a header: use the option content_type")                  \
  X(ENCODING, "cannot be set: the client asks for the encodings it decodes")

enum trail_caller_header {
#define TRAIL_CALLER_HEADER_ENUM(name, text) TRAIL_CALLER_HEADER_##name,
  TRAIL_CALLER_HEADER_LIST(TRAIL_CALLER_HEADER_ENUM)
#undef TRAIL_CALLER_HEADER_ENUM
      TRAIL_CALLER_HEADER_COUNT
};

enum trail_caller_header trail_caller_header_check(struct trail_slice name,
                                                   struct trail_slice value);
const char *trail_caller_header_text(enum trail_caller_header reason);

#endif
