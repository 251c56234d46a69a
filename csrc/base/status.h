/* The library's own outcome of an operation.
 *
 * One list makes the enum, its names and the `kind` a Lua error carries. It is a third thing beside
 * libcurl's code and the HTTP status; the three are never folded into one number.
 * TRAIL_NO_MEMORY has a name for messages only: the binding turns it into Lua's own memory error.
 */
#ifndef TRAIL_BASE_STATUS_H
#define TRAIL_BASE_STATUS_H

#define TRAIL_STATUS_LIST(X)      \
  X(OK, "ok")                     \
  X(CONFIG, "config")             \
  X(ARGUMENT, "argument")         \
  X(UNAUTHORIZED, "unauthorized") \
  X(FORBIDDEN, "forbidden")       \
  X(NOT_FOUND, "not_found")       \
  X(CONFLICT, "conflict")         \
  X(INVALID, "invalid")           \
  X(RATE_LIMITED, "rate_limited") \
  X(SERVER, "server")             \
  X(HTTP, "http")                 \
  X(NETWORK, "network")           \
  X(TLS, "tls")                   \
  X(TIMEOUT, "timeout")           \
  X(CANCELLED, "cancelled")       \
  X(CLOSED, "closed")             \
  X(PENDING, "pending")           \
  X(PROTOCOL, "protocol")         \
  X(TOO_LARGE, "too_large")       \
  X(DECODE, "decode")             \
  X(NO_MEMORY, "no_memory")

enum trail_status {
#define TRAIL_STATUS_ENUM(name, text) TRAIL_##name,
  TRAIL_STATUS_LIST(TRAIL_STATUS_ENUM)
#undef TRAIL_STATUS_ENUM
      TRAIL_STATUS_COUNT
};

#define TRAIL_MUST_USE __attribute__((warn_unused_result))

/* The `kind` of the contract, e.g. "rate_limited"; "unknown" for a value outside the list. */
const char *trail_status_name(enum trail_status status);

#endif
