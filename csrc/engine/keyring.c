#include "engine/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "policy/credential.h"

#define LINE_START "Authorization: Bearer "
#define LOOK_EVERY_US 1000000

enum { SHOWN = 4, SHORTEST_SHOWN = 16 }; /* of a short key the last four would be too much of it */

static enum trail_status complain(struct trail_key_fault *fault, const char *source,
                                  const char *name, const char *what) {
  snprintf(fault->text, sizeof fault->text, "%s%s%.300s %s", source, name ? " " : "",
           name ? name : "", what);
  return TRAIL_CONFIG;
}

void trail_keyring_clear(struct trail_keyring *keyring) {
  trail_secret_release(keyring->authorization);
  trail_memory_free(keyring->name);
  memset(keyring, 0, sizeof *keyring);
}

/* ---- one key --------------------------------------------------------------------------------- */

static enum trail_status build_line(struct trail_slice key, struct trail_secret **line) {
  size_t start = sizeof LINE_START - 1;
  enum trail_status status = trail_secret_create(start + key.size, line);
  if (status != TRAIL_OK) return status;
  memcpy(trail_secret_bytes(*line), LINE_START, start);
  memcpy(trail_secret_bytes(*line) + start, key.bytes, key.size);
  return TRAIL_OK;
}

static enum trail_status adopt(struct trail_keyring *keyring, const char *source, const char *name,
                               struct trail_slice given, struct trail_key_fault *fault) {
  struct trail_slice key;
  struct trail_secret *line;
  enum trail_credential verdict = trail_credential_check(given, &key);
  if (verdict != TRAIL_CREDENTIAL_OK)
    return complain(fault, source, name, trail_credential_text(verdict));
  enum trail_status status = build_line(key, &line);
  if (status != TRAIL_OK) return status;
  trail_secret_release(keyring->authorization);
  keyring->authorization = line;
  keyring->prefixed = trail_credential_is_prefixed(key);
  size_t shown = key.size >= SHORTEST_SHOWN ? SHOWN : 0;
  memcpy(keyring->last4, key.bytes + key.size - shown, shown);
  keyring->last4[shown] = '\0';
  return TRAIL_OK;
}

enum trail_status trail_keyring_set(struct trail_keyring *keyring, enum trail_key_source source,
                                    struct trail_slice key, struct trail_key_fault *fault) {
  const char *label = source == TRAIL_KEY_FUNCTION ? "the key returned by function key" : "key";
  enum trail_status status = adopt(keyring, label, NULL, key, fault);
  if (status != TRAIL_OK) return status;
  trail_memory_free(keyring->name);
  keyring->name = NULL;
  keyring->source = source;
  return TRAIL_OK;
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

enum trail_status trail_keyring_use_environment(struct trail_keyring *keyring, const char *variable,
                                                struct trail_key_fault *fault) {
  const char *value = getenv(variable);
  if (!value) return complain(fault, "environment variable", variable, "is not set");
  enum trail_status status =
      adopt(keyring, "environment variable", variable, trail_slice_text(value), fault);
  return status == TRAIL_OK ? remember_name(keyring, TRAIL_KEY_ENVIRONMENT, variable) : status;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool is_unchanged(const struct trail_keyring *keyring, const struct stat *is) {
  return keyring->device == is->st_dev && keyring->inode == is->st_ino &&
         keyring->size == is->st_size && keyring->modified.tv_sec == is->st_mtim.tv_sec &&
         keyring->modified.tv_nsec == is->st_mtim.tv_nsec;
}

static void remember_file(struct trail_keyring *keyring, const struct stat *is) {
  keyring->device = is->st_dev;
  keyring->inode = is->st_ino;
  keyring->size = is->st_size;
  keyring->modified = is->st_mtim;
}

static size_t read_all(int fd, char *bytes, size_t size) {
  size_t got = 0;
  while (got < size) {
    ssize_t count = read(fd, bytes + got, size - got);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    got += (size_t)count;
  }
  return got;
}

/* The file's bytes pass through secret memory only. */
static enum trail_status adopt_file(struct trail_keyring *keyring, const char *path, int fd,
                                    const struct stat *is, struct trail_key_fault *fault) {
  if (!S_ISREG(is->st_mode)) return complain(fault, "key_file", path, "is not a regular file");
  if (is->st_size > TRAIL_CREDENTIAL_MAX)
    return complain(fault, "key_file", path, trail_credential_text(TRAIL_CREDENTIAL_TOO_LONG));
  struct trail_secret *content;
  enum trail_status status = trail_secret_create(TRAIL_CREDENTIAL_MAX, &content);
  if (status != TRAIL_OK) return status;
  size_t size = read_all(fd, trail_secret_bytes(content), TRAIL_CREDENTIAL_MAX);
  status =
      adopt(keyring, "key_file", path, trail_slice_of(trail_secret_bytes(content), size), fault);
  trail_secret_release(content);
  return status;
}

static enum trail_status read_file(struct trail_keyring *keyring, const char *path,
                                   struct trail_key_fault *fault) {
  struct stat is;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    char why[96], reason[64];
    snprintf(why, sizeof why, "cannot be read: %s", strerror_r(errno, reason, sizeof reason));
    return complain(fault, "key_file", path, why);
  }
  enum trail_status status = TRAIL_OK;
  if (fstat(fd, &is) != 0) status = complain(fault, "key_file", path, "cannot be looked at");
  if (status == TRAIL_OK) status = adopt_file(keyring, path, fd, &is, fault);
  if (status == TRAIL_OK) remember_file(keyring, &is);
  close(fd);
  return status;
}

enum trail_status trail_keyring_use_file(struct trail_keyring *keyring, const char *path,
                                         int64_t now_us, struct trail_key_fault *fault) {
  keyring->looked_us = now_us;
  enum trail_status status = read_file(keyring, path, fault);
  return status == TRAIL_OK ? remember_name(keyring, TRAIL_KEY_FILE, path) : status;
}

struct trail_secret *trail_keyring_authorization(struct trail_keyring *keyring, int64_t now_us) {
  if (keyring->source == TRAIL_KEY_FILE && now_us - keyring->looked_us >= LOOK_EVERY_US) {
    struct stat is;
    struct trail_key_fault unread; /* the last key goes on */
    keyring->looked_us = now_us;
    if (stat(keyring->name, &is) == 0 && !is_unchanged(keyring, &is))
      (void)!read_file(keyring, keyring->name, &unread);
  }
  return keyring->authorization;
}

struct trail_slice trail_keyring_key_of(struct trail_secret *authorization) {
  size_t start = sizeof LINE_START - 1;
  return trail_slice_of(trail_secret_bytes(authorization) + start,
                        trail_secret_size(authorization) - start);
}
