/* Fields of an answer's head, read strictly (RFC 9110).
 *
 * A value that is not exactly what its grammar says counts as absent: nothing is guessed from a
 * prefix, a sign, a fraction or a repeated field ("1, 2"). Optional whitespace around a value is
 * not part of it. An absent field is an empty slice, and is refused like any other malformed one.
 * Where a function says false, its out-parameter is untouched.
 */
#ifndef TRAIL_POLICY_FIELD_H
#define TRAIL_POLICY_FIELD_H

#include "base/slice.h"

#include <stdint.h>

#define TRAIL_FIELD_REQUEST_ID_MAX 128

/* Without the spaces and tabs at both ends. */
struct trail_slice trail_field_trim(struct trail_slice value);

/* How many of the first bytes are a token (section 5.6.2); a name is one from end to end. */
size_t trail_field_token_size(struct trail_slice text);
bool trail_field_is_token(struct trail_slice text);

/* No control byte but HTAB. Bytes above 0x7f pass: they are opaque to HTTP (obs-text), and UTF-8 in
 * them cannot end a line. */
bool trail_field_is_value(struct trail_slice value);

/* 1 to max bytes of visible ASCII: request ids, idempotency keys. */
bool trail_field_is_visible(struct trail_slice value, size_t max);

/* 1*DIGIT, at most max. */
bool trail_field_uint(struct trail_slice value, uint64_t max, uint64_t *number);

/* One length only. Section 8.6 lets a recipient accept "5, 5" as 5; we do not, since a repeated
 * length shows that something on the way rewrote the framing, and then the body's end is anyone's
 * guess. */
bool trail_field_content_length(struct trail_slice value, uint64_t *bytes);

/* Too large a value is the largest, not absent: a very old answer must not pass for a fresh one. */
bool trail_field_age(struct trail_slice value, uint32_t *seconds);

struct trail_rate_fields {
  uint32_t limit;
  uint32_t remaining;
  uint32_t reset; /* Unix seconds by the server's clock */
};

/* All three or nothing: a part of the picture would be paced by the rest of an older one. */
bool trail_field_rate(struct trail_slice limit, struct trail_slice remaining,
                      struct trail_slice reset, struct trail_rate_fields *rate);

enum trail_retry_after_kind {
  TRAIL_RETRY_AFTER_ABSENT,
  TRAIL_RETRY_AFTER_DELAY,
  TRAIL_RETRY_AFTER_DATE
};

struct trail_retry_after {
  enum trail_retry_after_kind kind;
  int64_t seconds; /* from now on, or Unix time */
};

/* `now` only dates two-digit years. */
struct trail_retry_after trail_field_retry_after(struct trail_slice value, int64_t now);

/* The wait it asks for, in ms, never negative; -1 when absent. `server_now` is the answer's own
 * Date where it had one: a date of the server's is understood by the server's clock. */
int64_t trail_field_retry_after_ms(struct trail_retry_after after, int64_t server_now);

bool trail_field_request_id(struct trail_slice value, struct trail_slice *id);

/* application/json or application/<something>+json, whatever the parameters. */
bool trail_field_is_json(struct trail_slice content_type);

#endif
