#include "engine/key.h"

#include <stdio.h>
#include <string.h>

#include "policy/credential.h"

#define LINE_START "Authorization: Bearer "

enum { SHOWN = 4, SHORTEST_SHOWN = 16 }; /* of a short key the last four would be too much of it */

enum trail_status trail_key_complain(struct trail_key_fault *fault, const char *source,
                                     const char *name, const char *what) {
  snprintf(fault->text, sizeof fault->text, "%s%s%.300s %s", source, name ? " " : "",
           name ? name : "", what);
  return TRAIL_CONFIG;
}

void trail_key_clear(struct trail_key *key) {
  trail_secret_release(key->line);
  memset(key, 0, sizeof *key);
}

struct trail_slice trail_key_of(struct trail_secret *line) {
  size_t start = sizeof LINE_START - 1;
  return trail_slice_of(trail_secret_bytes(line) + start, trail_secret_size(line) - start);
}

static enum trail_status build_line(struct trail_slice text, struct trail_secret **line) {
  size_t start = sizeof LINE_START - 1;
  enum trail_status status = trail_secret_create(start + text.size, line);
  if (status != TRAIL_OK) return status;
  memcpy(trail_secret_bytes(*line), LINE_START, start);
  memcpy(trail_secret_bytes(*line) + start, text.bytes, text.size);
  return TRAIL_OK;
}

enum trail_status trail_key_adopt(struct trail_key *key, struct trail_slice given,
                                  const char *source, const char *name,
                                  struct trail_key_fault *fault) {
  struct trail_slice text;
  struct trail_secret *line;
  enum trail_credential verdict = trail_credential_check(given, &text);
  if (verdict != TRAIL_CREDENTIAL_OK)
    return trail_key_complain(fault, source, name, trail_credential_text(verdict));
  if (key->line && trail_slice_same(trail_key_of(key->line), text)) return TRAIL_OK;
  enum trail_status status = build_line(text, &line);
  if (status != TRAIL_OK) return status;
  trail_key_clear(key);
  key->line = line;
  key->prefixed = trail_credential_is_prefixed(text);
  size_t shown = text.size >= SHORTEST_SHOWN ? SHOWN : 0;
  memcpy(key->last4, text.bytes + text.size - shown, shown);
  return TRAIL_OK;
}
