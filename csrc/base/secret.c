#include "base/secret.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

struct trail_secret {
  atomic_uint holders;
  size_t size;
  size_t mapped;
  char bytes[];
};

enum trail_status trail_secret_create(size_t size, struct trail_secret **out) {
  *out = NULL;
  if (size > TRAIL_SECRET_MAX) return TRAIL_TOO_LARGE;
  if (trail_memory_refuse && trail_memory_refuse()) return TRAIL_NO_MEMORY;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t mapped = (sizeof(struct trail_secret) + size + 1 + page - 1) / page * page;
  struct trail_secret *secret =
      mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (secret == MAP_FAILED) return TRAIL_NO_MEMORY;
  madvise(secret, mapped, MADV_DONTDUMP);
  atomic_init(&secret->holders, 1);
  secret->size = size;
  secret->mapped = mapped;
  *out = secret;
  return TRAIL_OK;
}

struct trail_secret *trail_secret_retain(struct trail_secret *secret) {
  atomic_fetch_add_explicit(&secret->holders, 1, memory_order_relaxed);
  return secret;
}

void trail_secret_release(struct trail_secret *secret) {
  if (!secret) return;
  if (atomic_fetch_sub_explicit(&secret->holders, 1, memory_order_acq_rel) != 1) return;
  size_t mapped = secret->mapped;
  trail_memory_wipe(secret, mapped);
  munmap(secret, mapped);
}

char *trail_secret_bytes(struct trail_secret *secret) { return secret->bytes; }

size_t trail_secret_size(const struct trail_secret *secret) { return secret->size; }
