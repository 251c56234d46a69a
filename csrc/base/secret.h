/* A secret: bytes that are wiped when the last holder lets go and never reach a core dump.
 *
 * Each lives in pages of its own (MADV_DONTDUMP), so freeing gives the pages back to the kernel
 * after the wipe, and no allocator keeps a copy. Secrets are shared by count: a transfer in flight
 * holds the key it was started with while `set_key` replaces it. This file is the only one that
 * frees them.
 */
#ifndef TRAIL_BASE_SECRET_H
#define TRAIL_BASE_SECRET_H

#include <stddef.h>

#include "base/status.h"

#define TRAIL_SECRET_MAX 16384 /* bytes; an OAuth token may be a few thousand */

struct trail_secret;

/* A secret of `size` zero bytes and a NUL behind them, held once. */
TRAIL_MUST_USE enum trail_status trail_secret_create(size_t size, struct trail_secret **out);
struct trail_secret *trail_secret_retain(struct trail_secret *secret);
void trail_secret_release(struct trail_secret *secret); /* NULL is legal */

char *trail_secret_bytes(struct trail_secret *secret); /* writable, NUL-terminated */
size_t trail_secret_size(const struct trail_secret *secret);

#endif
