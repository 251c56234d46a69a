/* The server of a fuzzer: it listens on loopback, in the thread of the client that it serves, and
 * moves a little whenever it is asked to. With a context it speaks TLS.
 */
#ifndef TRAIL_FUZZ_PEER_H
#define TRAIL_FUZZ_PEER_H

#include <openssl/ssl.h>
#include <sys/types.h>

#include "base/slice.h"

enum { PEER_CONNECTIONS = 16 };

enum peer_end {
  PEER_CLOSES, /* with TLS: says so before */
  PEER_CUTS,   /* with TLS: does not */
  PEER_RESETS
};

struct peer_connection {
  int fd;
  SSL *tls; /* NULL: none */
  unsigned number;
};

struct peer {
  SSL_CTX *tls; /* NULL: plain TCP */
  int listener, port;
  struct peer_connection connections[PEER_CONNECTIONS]; /* the last is the latest */
  int count;
  unsigned accepted;
};

/* A context that agrees on this protocol; made once. A client trusts it by the file. */
SSL_CTX *peer_tls(const char *protocol);
const char *peer_ca_file(void);

void peer_listen(struct peer *peer, SSL_CTX *tls);
/* Whether somebody came. */
bool peer_accept(struct peer *peer);
/* How many bytes came; 0 where none did, or nobody is there any more. */
size_t peer_hear(const struct peer_connection *connection, char *to, size_t room);
/* How many bytes went; all of them where nobody listens any more. */
size_t peer_say(const struct peer_connection *connection, struct trail_slice bytes);
/* The latest. */
void peer_close(struct peer *peer, enum peer_end how);
/* All of them, and the listener. */
void peer_end(struct peer *peer);

#endif
