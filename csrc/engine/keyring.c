#include "engine/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define LOOK_EVERY_US 1000000
#define BAD_FOR_US 60000000
/* Calls that were in flight with the same bad key come back one after the other. */
#define GIVEN_UP_FOR_US 1000000

/* How far the present rejection has got. */
enum stage { STAGE_FRESH, STAGE_ASKED, STAGE_TRIED_OTHER, STAGE_ASKED_FALLBACK, STAGE_EXHAUSTED };

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

/* Another key is in place: what was known of the old one does not count. One that is on trial keeps
 * the stage, so that its rejection goes on from there. */
static void begin_anew(struct trail_keyring *keyring, bool on_trial) {
  if (!on_trial) keyring->stage = STAGE_FRESH;
  keyring->gave_up_us = 0;
  keyring->unproven = on_trial;
  keyring->current.bad_until_us = 0;
}

static void exchange(struct trail_keyring *keyring) {
  struct trail_key current = keyring->current;
  keyring->current = keyring->other;
  keyring->other = current;
  keyring->swapped = !keyring->swapped;
}

/* A fallback key in use has sent the source's own key to the other place. */
static struct trail_key *own_key(struct trail_keyring *keyring) {
  return keyring->swapped ? &keyring->other : &keyring->current;
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
  bool function = source == TRAIL_KEY_FUNCTION;
  struct trail_key *own = own_key(keyring);
  const struct trail_secret *before = own->line;
  const char *label = function ? "the key returned by function key" : "key";
  enum trail_status status = trail_key_adopt(own, key, label, NULL, fault);
  if (status != TRAIL_OK) return status;
  /* A function that says the same again does not depose the fallback key; a caller does. */
  if (own->line != before || (keyring->swapped && !function)) {
    if (keyring->swapped) exchange(keyring);
    /* An answer to a 401 is tried by one call first; a key the caller sets is taken at its word. */
    begin_anew(keyring, function && keyring->stage != STAGE_FRESH);
  }
  trail_memory_free(keyring->name);
  keyring->name = NULL;
  keyring->source = source;
  if (!function) keyring->asks = false;
  return TRAIL_OK;
}

void trail_keyring_use_function(struct trail_keyring *keyring) {
  keyring->asks = true;
  keyring->good_until_us = 0;
}

void trail_keyring_keep_until(struct trail_keyring *keyring, int64_t until_us) {
  keyring->good_until_us = until_us;
}

bool trail_keyring_asks_first(const struct trail_keyring *keyring, int64_t now_us) {
  return keyring->asks && now_us >= keyring->good_until_us;
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
  struct trail_key *place = keyring->swapped ? &keyring->current : &keyring->other;
  const struct trail_secret *before = place->line;
  enum trail_status status = trail_key_adopt(place, key, "fallback_key", NULL, fault);
  if (status == TRAIL_OK && keyring->swapped && place->line != before) begin_anew(keyring, true);
  return status;
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
  keyring->stage = STAGE_FRESH;
  keyring->current.bad_until_us = 0;
}

/* Reads the source once more; true when another key came of it that is to be used now. */
static bool reread(struct trail_keyring *keyring) {
  struct trail_key *own = own_key(keyring);
  const struct trail_secret *before = own->line;
  struct trail_key_fault unread;
  const char *value;
  if (keyring->source == TRAIL_KEY_FILE) {
    (void)!trail_key_file_read(&keyring->file, keyring->name, own, &unread);
  } else if (keyring->source == TRAIL_KEY_ENVIRONMENT && (value = getenv(keyring->name))) {
    (void)!trail_key_adopt(own, trail_slice_text(value), source_names[keyring->source],
                           keyring->name, &unread);
  }
  return own->line != before && !keyring->swapped;
}

static bool try_other(struct trail_keyring *keyring, int64_t now_us) {
  const struct trail_key *other = &keyring->other;
  if (!other->line || other->bad_until_us > now_us) return false;
  if (trail_slice_same(trail_key_of(other->line), trail_key_of(keyring->current.line)))
    return false;
  exchange(keyring);
  begin_anew(keyring, true);
  return true;
}

/* One step after the other, each once until a key is accepted. */
static enum trail_key_verdict next_step(struct trail_keyring *keyring, int64_t now_us) {
  while (keyring->stage < STAGE_EXHAUSTED) {
    switch (keyring->stage++) {
      case STAGE_FRESH:
        if (keyring->source == TRAIL_KEY_FUNCTION) return TRAIL_KEY_ASK;
        break;
      case STAGE_ASKED:
      case STAGE_ASKED_FALLBACK:
        if (try_other(keyring, now_us)) return TRAIL_KEY_RETRY;
        break;
      case STAGE_TRIED_OTHER:
        if (keyring->fallback_asks) return TRAIL_KEY_ASK_FALLBACK;
        break;
    }
  }
  keyring->stage = STAGE_FRESH;
  keyring->gave_up_us = now_us;
  return TRAIL_KEY_GIVE_UP;
}

enum trail_key_verdict trail_keyring_rejected(struct trail_keyring *keyring,
                                              const struct trail_secret *line, int64_t now_us) {
  bool given_up = keyring->gave_up_us && now_us - keyring->gave_up_us < GIVEN_UP_FOR_US;
  if (keyring->current.line != line) return given_up ? TRAIL_KEY_GIVE_UP : TRAIL_KEY_RETRY;
  keyring->current.bad_until_us = now_us + BAD_FOR_US;
  if (reread(keyring)) { /* at every rejection: it costs no request */
    begin_anew(keyring, true);
    return TRAIL_KEY_RETRY;
  }
  return given_up ? TRAIL_KEY_GIVE_UP : next_step(keyring, now_us);
}
