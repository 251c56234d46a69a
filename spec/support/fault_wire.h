/* One accepted connection as bytes: a socket, over which TLS may have been laid.
 *
 * Everything blocks, for FAULT_WIRE_PATIENCE at most. Another thread may end it at any moment with
 * fault_wire_interrupt, after which nothing blocks any more.
 */
#ifndef FAULT_WIRE_H
#define FAULT_WIRE_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define FAULT_WIRE_PATIENCE 20 /* seconds */

struct fault_wire {
  int fd;               /* -1 once closed */
  pthread_mutex_t lock; /* around `fd`'s closing */
  SSL_CTX *context;
  SSL *ssl;       /* NULL: plain */
  char in[65536]; /* read and not yet taken */
  size_t in_size;
};

void fault_wire_open(struct fault_wire *wire, int fd);

/* `newest` is the highest TLS version to speak, 0 for any; `http2` whether to choose it. */
bool fault_wire_handshake(struct fault_wire *wire, const char *identity, long newest, bool http2);

/* Reads more into `in`; false at the end, on an error, or when it is full. */
bool fault_wire_fill(struct fault_wire *wire);
void fault_wire_take(struct fault_wire *wire, size_t size);
bool fault_wire_write(struct fault_wire *wire, const void *bytes, size_t size);
bool fault_wire_write_beneath(struct fault_wire *wire, const void *bytes, size_t size); /* no TLS */

bool fault_wire_await(struct fault_wire *wire,
                      long milliseconds); /* bytes are there; none is read */
void fault_wire_pause(struct fault_wire *wire, long milliseconds);

void fault_wire_say_goodbye(struct fault_wire *wire); /* TLS close_notify */
/* Ends our side and reads on until the client ends its own; returns how many bytes still came. */
size_t fault_wire_finish(struct fault_wire *wire);
void fault_wire_reset(struct fault_wire *wire); /* RST */
void fault_wire_close(struct fault_wire *wire);
void fault_wire_interrupt(struct fault_wire *wire);

#endif
