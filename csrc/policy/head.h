/* The head of an answer, collected line by line as it arrives (RFC 9112 sections 2 to 5).
 *
 * Only the final header block counts: a 1xx block is dropped when it ends. Everything is bounded,
 * and what libcurl lets pass is refused here: NUL bytes, floods of fields or of interim answers,
 * differing or non-numeric Content-Length. Lines that are no field are skipped. After the blank
 * line come trailers; they are counted against the bounds and otherwise ignored.
 */
#ifndef TRAIL_POLICY_HEAD_H
#define TRAIL_POLICY_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

#define TRAIL_HEAD_MAX_BYTES 65536
#define TRAIL_HEAD_MAX_FIELDS 200 /* lines of one block, trailers included */
#define TRAIL_HEAD_MAX_INTERIM 32

/* How the body is encoded (RFC 9110 section 8.4); we ask for gzip and for nothing else. */
enum trail_encoding { TRAIL_ENCODING_IDENTITY, TRAIL_ENCODING_GZIP, TRAIL_ENCODING_UNKNOWN };

struct trail_head {
  struct trail_buffer fields; /* "Name: value" of the final block, each ended by '\n' */
  int status;                 /* 0 before the status line */
  bool complete;              /* the final block's blank line was seen */
  unsigned lines;             /* of the current block, behind its status line */
  unsigned interim;
  size_t bytes;
  int64_t content_length; /* -1: not said */
  bool chunked;           /* Transfer-Encoding: chunked */
  enum trail_encoding encoding;
};

void trail_head_init(struct trail_head *head);
void trail_head_clear(struct trail_head *head);

/* One line with its line end. TRAIL_PROTOCOL or TRAIL_TOO_LARGE end the transfer; `why` then says
 * what is wrong, in words that hold none of the server's. */
TRAIL_MUST_USE enum trail_status trail_head_line(struct trail_head *head, const char *line,
                                                 size_t size, const char **why);

/* The fields in order: start with *cursor = 0; false at the end. `folded` marks a value continued
 * on further lines (obs-fold, RFC 9112 section 5.2), which no strict reading accepts. */
struct trail_head_field {
  struct trail_slice name;
  struct trail_slice value;
  bool folded;
};
bool trail_head_next(const struct trail_head *head, size_t *cursor, struct trail_head_field *field);

#endif
