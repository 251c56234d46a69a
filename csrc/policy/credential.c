#include "policy/credential.h"

static const char *const texts[] = {
#define TRAIL_CREDENTIAL_TEXT(name, text) text,
    TRAIL_CREDENTIAL_LIST(TRAIL_CREDENTIAL_TEXT)
#undef TRAIL_CREDENTIAL_TEXT
};

static bool is_whitespace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static struct trail_slice trim(struct trail_slice text) {
  while (text.size && is_whitespace(text.bytes[0])) text = trail_slice_from(text, 1);
  while (text.size && is_whitespace(text.bytes[text.size - 1])) text.size--;
  return text;
}

enum trail_credential trail_credential_check(struct trail_slice given, struct trail_slice *key) {
  struct trail_slice text = trim(given);
  if (text.size == 0) return TRAIL_CREDENTIAL_EMPTY;
  if (text.size > TRAIL_CREDENTIAL_MAX) return TRAIL_CREDENTIAL_TOO_LONG;
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.bytes[i];
    if (is_whitespace((char)c)) return TRAIL_CREDENTIAL_WHITESPACE;
    if (c < 0x20 || c == 0x7f) return TRAIL_CREDENTIAL_CONTROL;
    if (c > 0x7f) return TRAIL_CREDENTIAL_NON_ASCII;
  }
  *key = text;
  return TRAIL_CREDENTIAL_OK;
}

const char *trail_credential_text(enum trail_credential reason) {
  return (unsigned)reason < TRAIL_CREDENTIAL_COUNT ? texts[reason] : "cannot be sent";
}

bool trail_credential_is_prefixed(struct trail_slice key) {
  struct trail_slice prefix = trail_slice_text("tm_live_");
  return key.size >= prefix.size && memcmp(key.bytes, prefix.bytes, prefix.size) == 0;
}
