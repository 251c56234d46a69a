#include "net/answer.h"

#include <string.h>

#include "base/memory.h"

void trail_answer_init(struct trail_answer *answer, size_t max_body) {
  memset(answer, 0, sizeof *answer);
  trail_head_init(&answer->head);
  trail_buffer_init(&answer->body, max_body);
}

void trail_answer_clear(struct trail_answer *answer) {
  trail_head_clear(&answer->head);
  trail_buffer_clear(&answer->body);
  trail_memory_free(answer->message);
  answer->message = NULL;
}

void trail_answer_say(struct trail_answer *answer, const char *text) {
  char *message = trail_memory_copy(text, strlen(text)); /* it may be the old one */
  trail_memory_free(answer->message);
  answer->message = message;
}

void trail_answer_reset(struct trail_answer *answer) {
  size_t max_body = answer->body.limit;
  trail_answer_clear(answer);
  trail_answer_init(answer, max_body);
}

void trail_answer_move(struct trail_answer *to, struct trail_answer *from) {
  size_t max_body = from->body.limit;
  trail_answer_clear(to);
  *to = *from;
  trail_answer_init(from, max_body);
}
