/* Content-Encoding: gzip, decoded as it arrives (RFC 9110 section 8.4, RFC 1952).
 *
 * libcurl's own decoder calls a stream that was cut off a success as long as Content-Length fits,
 * so the decoding is done here, where the end of the stream is known. Decoded bytes go to a bounded
 * buffer: a bomb ends at its limit. Several members in a row are one body; anything else behind the
 * end is an error.
 */
#ifndef TRAIL_NET_GUNZIP_H
#define TRAIL_NET_GUNZIP_H

#include <stdbool.h>

#include "base/buffer.h"

struct trail_gunzip;

TRAIL_MUST_USE enum trail_status trail_gunzip_create(struct trail_gunzip **out);
void trail_gunzip_destroy(struct trail_gunzip *gunzip);
void trail_gunzip_reset(struct trail_gunzip *gunzip); /* for the next body */

/* TRAIL_PROTOCOL (no gzip, or damaged), TRAIL_TOO_LARGE or TRAIL_NO_MEMORY. */
TRAIL_MUST_USE enum trail_status trail_gunzip_write(struct trail_gunzip *gunzip, const char *bytes,
                                                    size_t size, struct trail_buffer *to);

/* Whether the stream has come to its end; one of no bytes at all has. */
bool trail_gunzip_is_complete(const struct trail_gunzip *gunzip);

#endif
