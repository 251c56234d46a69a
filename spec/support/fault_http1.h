/* Requests of HTTP/1.1 off a wire, and the plain answer to them. */
#ifndef FAULT_HTTP1_H
#define FAULT_HTTP1_H

#include <stdbool.h>

#include "fault_wire.h"

/* Reads the next whole request and notes it; false where none came, what came of it is noted. */
bool fault_http1_read(struct fault_wire *wire, unsigned connection);
/* Reads `size` bytes of a request and leaves it at that. */
bool fault_http1_read_part(struct fault_wire *wire, unsigned connection, size_t size);
bool fault_http1_answer(struct fault_wire *wire);

/* Serves, but kills `percent` of the exchanges at a random byte of the request or of the answer. */
void fault_http1_serve_badly(struct fault_wire *wire, unsigned connection, long percent,
                             unsigned seed);

#endif
