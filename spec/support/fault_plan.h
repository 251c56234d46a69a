/* What a connection of the fault server does, step by step; read from the spec's script.
 *
 * A step is a line, `verb [number]... [#size]`, and `size` bytes behind it. The verbs stand in
 * FAULT_VERBS; a connection whose steps are done ends like `finish`.
 */
#ifndef FAULT_PLAN_H
#define FAULT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FAULT_VERBS(X)                                                                             \
  X(HANDSHAKE, "handshake")       /* NEWEST #identity: TLS; NEWEST is a version's number or 0 */   \
  X(HTTP2, "http2")               /* from here on; needs a handshake */                            \
  X(READ, "read")                 /* a whole request */                                            \
  X(READ_PART, "read-part")       /* SIZE: that many bytes of one */                               \
  X(AWAIT, "await")               /* until bytes are there, which stay unread */                   \
  X(SEND, "send")                 /* #bytes, as they are */                                        \
  X(SEND_BENEATH, "send-beneath") /* #bytes, beneath TLS */                                        \
  X(REPEAT, "repeat")             /* TIMES #bytes */                                               \
  X(DRIP, "drip")                 /* MILLISECONDS #bytes: one byte in that time */                 \
  X(PAUSE, "pause")               /* MILLISECONDS */                                               \
  X(HOLD, "hold")                 /* reads all there is and says nothing, until the client ends */ \
  X(SERVE, "serve")               /* well, until the client ends */                                \
  X(SERVE_BADLY, "serve-badly")   /* PERCENT SEED: kills so many exchanges at a random byte */     \
  X(DEAF, "deaf")                 /* refuses further connections until `calm` */                   \
  X(GOODBYE, "goodbye")           /* TLS close_notify */                                           \
  X(FINISH, "finish")             /* FIN, then reads until the client ends */                      \
  X(RESET, "reset")               /* RST */                                                        \
  X(ANSWER, "answer")             /* STATUS LENGTH END #body: HTTP/2; LENGTH -1 is not said */     \
  X(RESET_STREAM, "reset-stream") /* CODE: HTTP/2 */                                               \
  X(GO_AWAY, "go-away")           /* LAST-STREAM CODE: HTTP/2 */                                   \
  X(PING, "ping")                 /* HTTP/2 */

enum fault_verb {
#define FAULT_VERB_ENUM(name, text) FAULT_##name,
  FAULT_VERBS(FAULT_VERB_ENUM)
#undef FAULT_VERB_ENUM
      FAULT_VERB_COUNT
};

struct fault_step {
  enum fault_verb verb;
  long numbers[3];
  char *bytes; /* ended by NUL, or NULL */
  size_t size;
};

struct fault_plan {
  struct fault_step *steps;
  size_t count;
};

/* Adds the step that the line begins and that `from` goes on with; false where it is none. */
bool fault_plan_add(struct fault_plan *plan, const char *line, FILE *from);
void fault_plan_clear(struct fault_plan *plan);

#endif
