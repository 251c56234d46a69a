/* Growing bytes under a cap that nobody can forget to give.
 *
 * Invariants: size <= limit; once storage exists, bytes[size] is a NUL that is not counted, so that
 * the bytes can be handed to C strings' users; a failed append changes nothing. Storage comes from
 * base/memory and is wiped when released. A zeroed struct is an empty buffer that takes no bytes.
 */
#ifndef TRAIL_BASE_BUFFER_H
#define TRAIL_BASE_BUFFER_H

#include "base/slice.h"
#include "base/status.h"

/* Storage above this is given back by a reset, so that one large answer does not stay forever. */
#define TRAIL_BUFFER_KEEP 65536

struct trail_buffer {
  char *bytes; /* NULL until the first byte */
  size_t size;
  size_t capacity; /* of the storage, the NUL's place included */
  size_t limit;    /* of size */
};

void trail_buffer_init(struct trail_buffer *buffer, size_t limit);

/* TRAIL_OK, TRAIL_TOO_LARGE (above the limit) or TRAIL_NO_MEMORY. The bytes may not lie in the
 * buffer. */
enum trail_status trail_buffer_append(struct trail_buffer *buffer, const void *bytes,
                                      size_t size) TRAIL_MUST_USE;
enum trail_status trail_buffer_append_byte(struct trail_buffer *buffer, char byte) TRAIL_MUST_USE;
enum trail_status trail_buffer_append_text(struct trail_buffer *buffer,
                                           const char *text) TRAIL_MUST_USE;
enum trail_status trail_buffer_append_slice(struct trail_buffer *buffer,
                                            struct trail_slice slice) TRAIL_MUST_USE;

/* Never NULL; valid until the next change. */
const char *trail_buffer_text(const struct trail_buffer *buffer);
struct trail_slice trail_buffer_slice(const struct trail_buffer *buffer);

/* Moves the storage out: the caller frees it with trail_memory_free. NULL when there is none. */
char *trail_buffer_take(struct trail_buffer *buffer, size_t *size);

void trail_buffer_reset(struct trail_buffer *buffer); /* empty again; what was there is not wiped */
void trail_buffer_clear(struct trail_buffer *buffer); /* releases the storage; usable again */

#endif
