/* What came back for one attempt: an answer, or how far it got without one.
 *
 * `failure` is ours, `curl_code` libcurl's, `head.status` the server's; none stands in for another.
 * An answer counts only when `failure` is TRAIL_OK: its head ended with the blank line and its body
 * is whole.
 */
#ifndef TRAIL_NET_ANSWER_H
#define TRAIL_NET_ANSWER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/status.h"
#include "policy/head.h"

struct trail_answer {
  enum trail_status failure;
  int curl_code;
  bool sent;       /* bytes of the request may have reached the server */
  bool cut;        /* the connection ended before the answer was whole */
  bool uncounted;  /* tells nothing new of the server: its connection told, or the lack is ours */
  bool shared;     /* its connection carried other requests beside it */
  bool open_ended; /* its body lasted until the connection's end, which TLS may not have signed */
  struct trail_head head;
  struct trail_buffer body;
  char *message; /* why it failed, for people; NULL when it did not, or for want of memory */
};

void trail_answer_init(struct trail_answer *answer, size_t max_body);
void trail_answer_clear(struct trail_answer *answer);
/* Sets the message. */
void trail_answer_say(struct trail_answer *answer, const char *text);
void trail_answer_reset(struct trail_answer *answer); /* as after init, with the same bound */
/* Moves `from` into `to`, which must be initialised and empty; `from` is left as after init. */
void trail_answer_move(struct trail_answer *to, struct trail_answer *from);

#endif
