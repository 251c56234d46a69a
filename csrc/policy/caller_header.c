#include "policy/caller_header.h"

#include "policy/field.h"

static const struct {
  const char *name;
  enum trail_caller_header reason;
} ours[] = {
    {"Host", TRAIL_CALLER_HEADER_FRAMING},
    {"Content-Length", TRAIL_CALLER_HEADER_FRAMING},
    {"Transfer-Encoding", TRAIL_CALLER_HEADER_FRAMING},
    {"Connection", TRAIL_CALLER_HEADER_FRAMING},
    {"Keep-Alive", TRAIL_CALLER_HEADER_FRAMING},
    {"Upgrade", TRAIL_CALLER_HEADER_FRAMING},
    {"HTTP2-Settings", TRAIL_CALLER_HEADER_FRAMING},
    {"TE", TRAIL_CALLER_HEADER_FRAMING},
    {"Trailer", TRAIL_CALLER_HEADER_FRAMING},
    {"Expect", TRAIL_CALLER_HEADER_FRAMING},
    {"Authorization", TRAIL_CALLER_HEADER_CREDENTIAL},
    {"Idempotency-Key", TRAIL_CALLER_HEADER_IDEMPOTENCY},
    {"Content-Type", TRAIL_CALLER_HEADER_CONTENT_TYPE},
    {"Accept-Encoding", TRAIL_CALLER_HEADER_ENCODING},
};

static const char *const texts[] = {
#define TRAIL_CALLER_HEADER_TEXT(name, text) text,
    TRAIL_CALLER_HEADER_LIST(TRAIL_CALLER_HEADER_TEXT)
#undef TRAIL_CALLER_HEADER_TEXT
};

static bool is_for_proxy(struct trail_slice name) {
  struct trail_slice prefix = trail_slice_text("Proxy-");
  return name.size >= prefix.size &&
         trail_slice_same_nocase(trail_slice_of(name.bytes, prefix.size), prefix);
}

enum trail_caller_header trail_caller_header_check(struct trail_slice name,
                                                   struct trail_slice value) {
  if (name.size == 0) return TRAIL_CALLER_HEADER_NO_NAME;
  if (!trail_field_is_token(name)) return TRAIL_CALLER_HEADER_NAME_BYTE;
  if (is_for_proxy(name)) return TRAIL_CALLER_HEADER_PROXY;
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
    if (trail_slice_same_nocase(name, trail_slice_text(ours[i].name))) return ours[i].reason;
  }
  if (name.size > TRAIL_CALLER_HEADER_NAME_MAX || value.size > TRAIL_CALLER_HEADER_VALUE_MAX) {
    return TRAIL_CALLER_HEADER_TOO_LONG;
  }
  if (!trail_field_is_value(value)) return TRAIL_CALLER_HEADER_VALUE_BYTE;
  return TRAIL_CALLER_HEADER_OK;
}

const char *trail_caller_header_text(enum trail_caller_header reason) {
  return (unsigned)reason < TRAIL_CALLER_HEADER_COUNT ? texts[reason] : "cannot be sent";
}
