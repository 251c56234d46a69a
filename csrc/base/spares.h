/* Freed blocks kept for the next request of their size, for the two threads that ask the most.
 *
 * libcurl makes and frees some forty blocks for each transfer. The allocator's own store of freed
 * blocks holds seven of a size, too few where dozens of transfers end at a time. Blocks here are
 * blocks of malloc's, so they may come from and go to any thread; only the first thread that ever
 * keeps one keeps any, and the worker's, each its own, so that neither needs a lock. A kept block is
 * zeroed. Half a MiB is kept at most by each. Under a sanitizer, which wants to see every block come
 * and go, nothing is kept.
 */
#ifndef TRAIL_BASE_SPARES_H
#define TRAIL_BASE_SPARES_H

#include <stdbool.h>
#include <stddef.h>

/* A block of at least `size` zero bytes, or NULL. */
void *trail_spares_take(size_t size);

/* Keeps a zeroed block that has room for `usable` bytes; false where it is the caller's to free. */
bool trail_spares_keep(void *block, size_t usable);

/* The thread that calls this is the worker's: it keeps blocks from now on, until it has taken back
 * what it kept. The next of that; NULL: no more. */
void trail_spares_begin(void);
void *trail_spares_end(void);

#endif
