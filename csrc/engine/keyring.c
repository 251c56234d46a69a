#include "engine/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define LOOK_EVERY_US 1000000
#define BAD_FOR_US 60000000
/* Calls that were in flight with the same bad key come back one after the other. */
#define GIVEN_UP_FOR_US 1000000

static const char *const source_names[] = {
#define TRAIL_KEY_SOURCE_NAME(name, text) text,
    TRAIL_KEY_SOURCE_LIST(TRAIL_KEY_SOURCE_NAME)
#undef TRAIL_KEY_SOURCE_NAME
};

const char *trail_keyring_source_name(enum trail_key_source source) {
  return (unsigned)source < TRAIL_KEY_SOURCE_COUNT ? source_names[source] : "unknown";
}

void trail_keyring_clear(struct trail_keyring *keyring) {
  trail_key_clear(&keyring->current);
  trail_key_clear(&keyring->other);
  trail_memory_free(keyring->name);
  memset(keyring, 0, sizeof *keyring);
}

/* ---- sources --------------------------------------------------------------------------------- */

/* Another key is in place: what was known of the old one does not count. */
static void begin_anew(struct trail_keyring *keyring, bool unproven) {
  keyring->stage = 0;
  keyring->gave_up_us = 0;
  keyring->unproven = unproven;
  keyring->current.bad_until_us = 0;
}

static enum trail_status remember_name(struct trail_keyring *keyring, enum trail_key_source source,
                                       const char *name) {
  char *copy = trail_memory_copy(name, strlen(name));
  if (!copy) return TRAIL_NO_MEMORY;
  trail_memory_free(keyring->name);
  keyring->name = copy;
  keyring->source = source;
  return TRAIL_OK;
}

enum trail_status trail_keyring_set(struct trail_keyring *keyring, enum trail_key_source source,
                                    struct trail_slice key, struct trail_key_fault *fault) {
  const struct trail_secret *before = keyring->current.line;
  const char *label = source == TRAIL_KEY_FUNCTION ? "the key returned by function key" : "key";
  enum trail_status status = trail_key_adopt(&keyring->current, key, label, NULL, fault);
  if (status != TRAIL_OK) return status;
  if (keyring->current.line != before) {
    /* An answer to a 401 is tried by one call first; a key the caller sets is taken at its word. */
    begin_anew(keyring, source == TRAIL_KEY_FUNCTION && keyring->stage != 0);
    keyring->swapped = false;
  }
  trail_memory_free(keyring->name);
  keyring->name = NULL;
  keyring->source = source;
  return TRAIL_OK;
}

enum trail_status trail_keyring_use_environment(struct trail_keyring *keyring, const char *variable,
                                                struct trail_key_fault *fault) {
  static const char label[] = "environment variable";
  const char *value = getenv(variable);
  if (!value) return trail_key_complain(fault, label, variable, "is not set");
  enum trail_status status =
      trail_key_adopt(&keyring->current, trail_slice_text(value), label, variable, fault);
  return status == TRAIL_OK ? remember_name(keyring, TRAIL_KEY_ENVIRONMENT, variable) : status;
}

enum trail_status trail_keyring_use_file(struct trail_keyring *keyring, const char *path,
                                         int64_t now_us, struct trail_key_fault *fault) {
  keyring->looked_us = now_us;
  enum trail_status status = trail_key_file_read(&keyring->file, path, &keyring->current, fault);
  return status == TRAIL_OK ? remember_name(keyring, TRAIL_KEY_FILE, path) : status;
}

enum trail_status trail_keyring_set_fallback(struct trail_keyring *keyring, struct trail_slice key,
                                             struct trail_key_fault *fault) {
  return trail_key_adopt(&keyring->other, key, "fallback_key", NULL, fault);
}

struct trail_secret *trail_keyring_authorization(struct trail_keyring *keyring, int64_t now_us) {
  if (keyring->source == TRAIL_KEY_FILE && !keyring->swapped &&
      now_us - keyring->looked_us >= LOOK_EVERY_US) {
    const struct trail_secret *before = keyring->current.line;
    struct trail_key_fault unread; /* the last key goes on */
    keyring->looked_us = now_us;
    if (trail_key_file_has_changed(&keyring->file, keyring->name))
      (void)!trail_key_file_read(&keyring->file, keyring->name, &keyring->current, &unread);
    if (keyring->current.line != before) begin_anew(keyring, false);
  }
  return keyring->current.line;
}

/* ---- answers --------------------------------------------------------------------------------- */

void trail_keyring_accepted(struct trail_keyring *keyring, const struct trail_secret *line) {
  if (keyring->current.line != line) return;
  keyring->unproven = false;
  keyring->stage = 0;
  keyring->current.bad_until_us = 0;
}

/* Reads the source once more; true when another key came of it. A fallback key in use has sent the
 * source's own key to the other place, and that is the one to renew. */
static bool reread(struct trail_keyring *keyring) {
  struct trail_key *key = keyring->swapped ? &keyring->other : &keyring->current;
  const struct trail_secret *before = key->line;
  struct trail_key_fault unread;
  const char *value;
  if (keyring->source == TRAIL_KEY_FILE) {
    (void)!trail_key_file_read(&keyring->file, keyring->name, key, &unread);
  } else if (keyring->source == TRAIL_KEY_ENVIRONMENT && (value = getenv(keyring->name))) {
    (void)!trail_key_adopt(key, trail_slice_text(value), source_names[keyring->source],
                           keyring->name, &unread);
  }
  return key->line != before && !keyring->swapped;
}

static bool swap(struct trail_keyring *keyring, int64_t now_us) {
  if (!keyring->other.line || keyring->other.bad_until_us > now_us) return false;
  struct trail_key rejected = keyring->current;
  keyring->current = keyring->other;
  keyring->other = rejected;
  keyring->swapped = !keyring->swapped;
  begin_anew(keyring, true);
  return true;
}

enum trail_key_verdict trail_keyring_rejected(struct trail_keyring *keyring,
                                              const struct trail_secret *line, int64_t now_us) {
  bool given_up = keyring->gave_up_us && now_us - keyring->gave_up_us < GIVEN_UP_FOR_US;
  if (keyring->current.line != line) return given_up ? TRAIL_KEY_GIVE_UP : TRAIL_KEY_RETRY;
  keyring->current.bad_until_us = now_us + BAD_FOR_US;
  if (given_up) return TRAIL_KEY_GIVE_UP;
  if (keyring->stage++ == 0) {
    if (reread(keyring)) {
      begin_anew(keyring, true);
      return TRAIL_KEY_RETRY;
    }
    if (keyring->source == TRAIL_KEY_FUNCTION) return TRAIL_KEY_ASK;
    keyring->stage++;
  }
  if (keyring->stage == 2) {
    if (swap(keyring, now_us)) return TRAIL_KEY_RETRY;
    keyring->stage++;
    if (keyring->fallback_asks) return TRAIL_KEY_ASK_FALLBACK;
  }
  if (swap(keyring, now_us)) return TRAIL_KEY_RETRY;
  keyring->stage = 0;
  keyring->gave_up_us = now_us;
  return TRAIL_KEY_GIVE_UP;
}
