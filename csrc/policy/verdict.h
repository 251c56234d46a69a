/* What an attempt means: its kind, whether the server may have acted, and whether to try again.
 *
 * Pure rules over the facts of one attempt; who gathers the facts is the transfer, who acts on the
 * verdict is the engine (which also asks the attempt cap, the retry budget and the deadline).
 */
#ifndef TRAIL_POLICY_VERDICT_H
#define TRAIL_POLICY_VERDICT_H

#include "base/status.h"
#include "policy/method.h"

/* In rising order: of several attempts the highest describes the call. */
#define TRAIL_OUTCOME_LIST(X)                                          \
  X(NOT_SENT, "not_sent") /* the server cannot have acted */           \
  X(REJECTED, "rejected") /* a complete answer that says it did not */ \
  X(UNKNOWN, "unknown")   /* it may have acted */                      \
  X(DONE, "done")         /* a 2xx header block was seen */

enum trail_outcome {
#define TRAIL_OUTCOME_ENUM(name, text) TRAIL_OUTCOME_##name,
  TRAIL_OUTCOME_LIST(TRAIL_OUTCOME_ENUM)
#undef TRAIL_OUTCOME_ENUM
      TRAIL_OUTCOME_COUNT
};

struct trail_attempt {
  enum trail_method method;
  bool keyed;                /* an Idempotency-Key was on the wire */
  bool sent;                 /* a byte of the request may have left, and the peer did not say
                                that it dropped it unread (REFUSED_STREAM, GOAWAY) */
  bool head_complete;        /* the final answer's whole header block was seen */
  bool complete;             /* and its whole body: stated length, last chunk, end of compression */
  bool cut;                  /* the connection ended inside the answer */
  unsigned http_status;      /* of the final answer, 0 without one */
  enum trail_status failure; /* TRAIL_OK, trail_verdict_status's, or what stopped the attempt */
};

/* The kind that a complete answer's status stands for: 2xx TRAIL_OK, what is no final status (below
 * 200 or above 999) TRAIL_PROTOCOL. */
enum trail_status trail_verdict_status(unsigned http_status);

enum trail_outcome trail_verdict_outcome(const struct trail_attempt *attempt);
enum trail_outcome trail_verdict_worse(enum trail_outcome a, enum trail_outcome b);
const char *trail_verdict_outcome_name(enum trail_outcome outcome);

/* May the engine send the same call again by itself? */
bool trail_verdict_retryable(const struct trail_attempt *attempt);

/* An error's `retryable`: would the caller be safe to repeat the very call, and might it succeed
 * then? Wider than the above: after a pacing refusal, or after an unkeyed POST that no attempt got
 * past the server's door (`whole` is the outcome over all attempts; `last` the attempt, or refusal,
 * that ended it). */
bool trail_verdict_repeatable(const struct trail_attempt *last, enum trail_outcome whole);

#endif
