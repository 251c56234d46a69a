#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "../support/fault_certificate.h"

/* ---- TLS ------------------------------------------------------------------------------------- */

/* A file without a name: nothing is left of it. */
const char *peer_ca_file(void) {
  static char path[32];
  if (path[0]) return path;
  int fd = memfd_create("authority", MFD_CLOEXEC);
  CHECK(fd >= 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  CHECK(fault_certificate_make(path));
  return path;
}

/* As ALPN lists it: behind its length. */
static unsigned char agreed[16];

static int choose_protocol(SSL *tls, const unsigned char **out, unsigned char *size,
                           const unsigned char *offered, unsigned offered_size, void *unused) {
  unsigned char *chosen;
  (void)tls, (void)unused;
  int found = SSL_select_next_proto(&chosen, size, agreed, agreed[0] + 1u, offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX *peer_tls(const char *protocol) {
  static SSL_CTX *context;
  if (context) return context;
  agreed[0] = (unsigned char)strlen(protocol);
  memcpy(agreed + 1, protocol, agreed[0]);
  (void)peer_ca_file();
  (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to those who have left, too */
  context = SSL_CTX_new(TLS_server_method());
  CHECK(context != NULL && fault_certificate_use(context, "good"));
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
  return context;
}

/* ---- connections ----------------------------------------------------------------------------- */

void peer_listen(struct peer *peer, SSL_CTX *tls) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  *peer = (struct peer){.tls = tls};
  peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CHECK(peer->listener >= 0);
  CHECK(bind(peer->listener, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(peer->listener, PEER_CONNECTIONS) == 0);
  CHECK(getsockname(peer->listener, (struct sockaddr *)&address, &size) == 0);
  peer->port = ntohs(address.sin_port);
}

bool peer_accept(struct peer *peer) {
  int fd = accept4(peer->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return false;
  CHECK(peer->count < PEER_CONNECTIONS);
  struct peer_connection *connection = &peer->connections[peer->count++];
  *connection = (struct peer_connection){.fd = fd, .number = peer->accepted++};
  if (!peer->tls) return true;
  connection->tls = SSL_new(peer->tls);
  CHECK(connection->tls != NULL && SSL_set_fd(connection->tls, fd) == 1);
  SSL_set_accept_state(connection->tls);
  return true;
}

/* The first reads and writes go on with the handshake. */
size_t peer_hear(const struct peer_connection *connection, char *to, size_t room) {
  size_t size = 0;
  if (connection->tls) {
    ERR_clear_error();
    return SSL_read_ex(connection->tls, to, room, &size) == 1 ? size : 0;
  }
  ssize_t got = recv(connection->fd, to, room, 0);
  return got > 0 ? (size_t)got : 0;
}

static size_t say_by_tls(SSL *tls, struct trail_slice bytes) {
  size_t size = 0;
  ERR_clear_error();
  int said = SSL_write_ex(tls, bytes.bytes, bytes.size, &size);
  if (said == 1) return size;
  int why = SSL_get_error(tls, said);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : bytes.size;
}

size_t peer_say(const struct peer_connection *connection, struct trail_slice bytes) {
  if (!bytes.size) return 0;
  if (connection->tls) return say_by_tls(connection->tls, bytes);
  ssize_t sent = send(connection->fd, bytes.bytes, bytes.size, MSG_NOSIGNAL);
  if (sent >= 0) return (size_t)sent;
  return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : bytes.size;
}

void peer_close(struct peer *peer, enum peer_end how) {
  struct peer_connection *last = &peer->connections[--peer->count];
  struct linger linger = {.l_onoff = 1};
  if (how == PEER_RESETS) setsockopt(last->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  if (last->tls && how == PEER_CLOSES && SSL_is_init_finished(last->tls)) SSL_shutdown(last->tls);
  ERR_clear_error();
  SSL_free(last->tls);
  close(last->fd);
}

void peer_end(struct peer *peer) {
  while (peer->count) peer_close(peer, PEER_CUTS);
  close(peer->listener);
}
