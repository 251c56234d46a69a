/* The methods a call may use, and what HTTP promises about repeating each (RFC 9110, section 9.2).
 *
 * Not here: OPTIONS, TRACE and CONNECT, which speak to servers and proxies rather than to an API.
 */
#ifndef TRAIL_POLICY_METHOD_H
#define TRAIL_POLICY_METHOD_H

#include "base/slice.h"

/* name, safe, idempotent, carries a body */
#define TRAIL_METHOD_LIST(X)   \
  X(GET, true, true, false)    \
  X(HEAD, true, true, false)   \
  X(POST, false, false, true)  \
  X(PUT, false, true, true)    \
  X(PATCH, false, false, true) \
  X(DELETE, false, true, false)

enum trail_method {
#define TRAIL_METHOD_ENUM(name, safe, idempotent, body) TRAIL_METHOD_##name,
  TRAIL_METHOD_LIST(TRAIL_METHOD_ENUM)
#undef TRAIL_METHOD_ENUM
      TRAIL_METHOD_COUNT
};

/* Letters of either case are accepted; what goes on the wire is trail_method_name's. */
bool trail_method_from_name(struct trail_slice name, enum trail_method *method);
const char *trail_method_name(enum trail_method method);

bool trail_method_is_safe(enum trail_method method);       /* changes nothing on the server */
bool trail_method_is_idempotent(enum trail_method method); /* twice is the same as once */
bool trail_method_has_body(enum trail_method method);      /* a body has a meaning with it */

#endif
