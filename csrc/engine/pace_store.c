#include "engine/pace_store.h"

#include <fcntl.h>
#include <sha256.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/pace_backend.h"

/* The digest comes from libmd: on Debian it is part of every system (dpkg needs it), and it has
 * nothing in common with the TLS library that a host may bring along. A key must not be found from
 * a name, so a weaker hash will not do. */
#define FOLDER "/dev/shm"

struct trail_pace_store {
  struct trail_pace_place *place;
  const char *why;
  bool by_key;    /* no scope: the key names the budget */
  SHA2_CTX known; /* digested so far: all but the key */
};

/* ---- the name -------------------------------------------------------------------------------- */

/* With its length before it, so that no two lists of parts digest alike. */
static void add_part(SHA2_CTX *digest, struct trail_slice part) {
  uint64_t size = part.size;
  SHA256Update(digest, (const uint8_t *)&size, sizeof size);
  SHA256Update(digest, (const uint8_t *)part.bytes, part.size);
}

static bool add_boot(SHA2_CTX *digest) {
  char text[128];
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
  if (fd >= 0) close(fd);
  if (size <= 0) return false;
  add_part(digest, trail_slice_of(text, (size_t)size));
  size = readlink("/proc/self/ns/time", text, sizeof text); /* kernels before 5.6 have one only */
  add_part(digest, trail_slice_of(text, size > 0 ? (size_t)size : 0));
  return true;
}

/* NULL, or why no name can be made that others would make as well. */
static const char *begin_name(struct trail_pace_store *store,
                              const struct trail_pace_options *options) {
  uint32_t layout = TRAIL_PACER_LAYOUT;
  SHA256Init(&store->known);
  add_part(&store->known, trail_slice_of((const char *)&layout, sizeof layout));
  bool booted = add_boot(&store->known);
  add_part(&store->known, options->origin);
  add_part(&store->known, trail_slice_text(store->by_key ? "key" : "scope"));
  if (!store->by_key) add_part(&store->known, options->scope);
  return booted ? NULL : "the boot id cannot be read from /proc";
}

static void make_name(const struct trail_pace_store *store, struct trail_slice key,
                      char name[TRAIL_PACE_NAME_SIZE]) {
  SHA2_CTX digest = store->known;
  if (store->by_key) add_part(&digest, key);
  SHA256End(&digest, name);
  trail_memory_wipe(&digest, sizeof digest);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void open_place(struct trail_pace_store *store, const struct trail_pace_options *options,
                       struct trail_slice key) {
  char name[TRAIL_PACE_NAME_SIZE] = "";
  const char *folder = options->folder ? options->folder : FOLDER;
  if (options->shared) store->why = begin_name(store, options);
  if (options->shared) make_name(store, key, name);
  if (options->shared && !store->why)
    store->place = trail_pace_backend_open_file(folder, name, &store->why);
  if (!store->place) store->place = trail_pace_backend_open_heap(name);
}

enum trail_status trail_pace_store_open(const struct trail_pace_options *options,
                                        struct trail_slice key, struct trail_pace_store **out) {
  struct trail_pace_store *store = trail_memory_zalloc(1, sizeof *store);
  *out = NULL;
  if (!store) return TRAIL_NO_MEMORY;
  store->by_key = options->scope.size == 0;
  open_place(store, options, key);
  if (store->place)
    *out = store;
  else
    trail_memory_free(store);
  return *out ? TRAIL_OK : TRAIL_NO_MEMORY;
}

void trail_pace_store_close(struct trail_pace_store *store) {
  if (!store) return;
  store->place->backend->close(store->place);
  trail_memory_free(store);
}

struct trail_pace *trail_pace_store_state(const struct trail_pace_store *store) {
  return store->place->pace;
}

void trail_pace_store_alias(struct trail_pace_store *store, struct trail_slice key) {
  char name[TRAIL_PACE_NAME_SIZE];
  if (!store->by_key || !store->place->backend->alias) return;
  make_name(store, key, name);
  store->place->backend->alias(store->place, name);
}

struct trail_pace_description trail_pace_store_describe(const struct trail_pace_store *store) {
  return (struct trail_pace_description){store->place->backend->shared, store->why};
}
