/* A request as the fault server notes it. */
#ifndef FAULT_REQUEST_H
#define FAULT_REQUEST_H

#include <stddef.h>

struct fault_request {
  char method[16];
  char target[256];
  char key[264];  /* Idempotency-Key */
  char test[264]; /* X-Test */
  size_t body_size;
};

/* Keeps what of a header is of interest; the name in any case. */
void fault_request_note(struct fault_request *request, const char *name, size_t name_size,
                        const char *value, size_t value_size);
void fault_request_log(const struct fault_request *request, unsigned connection);

#endif
