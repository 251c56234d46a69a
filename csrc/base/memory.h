/* Every allocation of the C part, libcurl's included, goes through here.
 *
 * Two reasons: a test can make the Nth allocation fail, and freed memory is wiped before it returns
 * to the heap, because libcurl keeps request headers (and with them the API key) in ordinary heap
 * blocks (it does not clean them itself). The wipe is one the compiler cannot drop.
 */
#ifndef TRAIL_BASE_MEMORY_H
#define TRAIL_BASE_MEMORY_H

#include <stddef.h>

void *trail_memory_alloc(size_t size);                /* NULL when there is none */
void *trail_memory_zalloc(size_t count, size_t size); /* zeroed; NULL on overflow too */
void *trail_memory_resize(void *block,
                          size_t size); /* like realloc; what it leaves behind is wiped */
char *trail_memory_copy(const void *bytes, size_t size); /* NUL-terminated copy */
void trail_memory_free(void *block);                     /* wipes, then frees; NULL is legal */
void trail_memory_wipe(void *bytes, size_t size);

/* The worker's thread, while it runs, keeps freed blocks for itself (spares.h). */
void trail_memory_begin_worker(void);
void trail_memory_end_worker(void);

/* How many allocations failed so far, in any thread: who meets an error that libcurl files under
 * something else can tell that memory ran out meanwhile. */
unsigned trail_memory_failures(void);

/* Asked before every allocation: a non-zero answer makes it fail. NULL (the default) never fails.
 * For tests; not thread-safe, set it while nothing runs. */
extern int (*trail_memory_refuse)(void);

#endif
