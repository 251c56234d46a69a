#include "fault_wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fault_certificate.h"

void fault_wire_open(struct fault_wire *wire, int fd) {
  int on = 1;
  struct timeval patience = {.tv_sec = FAULT_WIRE_PATIENCE};
  memset(wire, 0, sizeof *wire);
  pthread_mutex_init(&wire->lock, NULL);
  wire->fd = fd;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *size,
                           const unsigned char *offered, unsigned offered_size, void *wanted) {
  const unsigned char *protocol = wanted;
  (void)ssl;
  for (unsigned at = 0; at < offered_size; at += 1u + offered[at]) {
    if (offered[at] != protocol[0] || memcmp(offered + at + 1, protocol + 1, protocol[0]) != 0)
      continue;
    *out = offered + at + 1;
    *size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

bool fault_wire_handshake(struct fault_wire *wire, const char *identity, long newest, bool http2) {
  wire->context = SSL_CTX_new(TLS_server_method());
  if (!wire->context || !fault_certificate_use(wire->context, identity)) return false;
  SSL_CTX_set_cipher_list(wire->context, "DEFAULT@SECLEVEL=0"); /* TLS 1.1 needs it */
  SSL_CTX_set_min_proto_version(wire->context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(wire->context, (int)newest);
  SSL_CTX_set_alpn_select_cb(wire->context, choose_protocol, http2 ? "\2h2" : "\10http/1.1");
  wire->ssl = SSL_new(wire->context);
  return wire->ssl && SSL_set_fd(wire->ssl, wire->fd) == 1 && SSL_accept(wire->ssl) == 1;
}

void fault_wire_say_goodbye(struct fault_wire *wire) {
  if (wire->ssl) SSL_shutdown(wire->ssl);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

bool fault_wire_fill(struct fault_wire *wire) {
  size_t room = sizeof wire->in - wire->in_size;
  char *to = wire->in + wire->in_size;
  if (wire->fd < 0 || room == 0) return false;
  ssize_t got = wire->ssl ? SSL_read(wire->ssl, to, (int)room) : recv(wire->fd, to, room, 0);
  if (got <= 0) return false;
  wire->in_size += (size_t)got;
  return true;
}

void fault_wire_take(struct fault_wire *wire, size_t size) {
  wire->in_size -= size;
  memmove(wire->in, wire->in + size, wire->in_size);
}

bool fault_wire_write(struct fault_wire *wire, const void *bytes, size_t size) {
  const char *at = bytes;
  while (size) {
    if (wire->fd < 0) return false;
    int chunk = size > 16384 ? 16384 : (int)size;
    ssize_t sent = wire->ssl ? SSL_write(wire->ssl, at, chunk) : send(wire->fd, at, size, 0);
    if (sent <= 0) return false;
    at += sent;
    size -= (size_t)sent;
  }
  return true;
}

bool fault_wire_write_beneath(struct fault_wire *wire, const void *bytes, size_t size) {
  return wire->fd >= 0 && send(wire->fd, bytes, size, 0) == (ssize_t)size;
}

/* ---- waiting --------------------------------------------------------------------------------- */

bool fault_wire_await(struct fault_wire *wire, long milliseconds) {
  struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
  return poll(&ready, 1, (int)milliseconds) > 0 && (ready.revents & POLLIN);
}

void fault_wire_pause(struct fault_wire *wire, long milliseconds) {
  struct pollfd gone = {.fd = wire->fd, .events = 0};
  poll(&gone, 1, (int)milliseconds);
}

/* ---- the end --------------------------------------------------------------------------------- */

size_t fault_wire_finish(struct fault_wire *wire) {
  size_t total = wire->in_size;
  ssize_t got = 0;
  if (wire->fd < 0) return total;
  shutdown(wire->fd, SHUT_WR);
  while ((got = recv(wire->fd, wire->in, sizeof wire->in, 0)) > 0) total += (size_t)got;
  fault_wire_close(wire);
  return total;
}

void fault_wire_reset(struct fault_wire *wire) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  if (wire->fd >= 0) setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fault_wire_close(wire);
}

void fault_wire_close(struct fault_wire *wire) {
  SSL_free(wire->ssl);
  SSL_CTX_free(wire->context);
  wire->ssl = NULL;
  wire->context = NULL;
  pthread_mutex_lock(&wire->lock);
  if (wire->fd >= 0) close(wire->fd);
  wire->fd = -1;
  pthread_mutex_unlock(&wire->lock);
}

void fault_wire_interrupt(struct fault_wire *wire) {
  pthread_mutex_lock(&wire->lock);
  if (wire->fd >= 0) shutdown(wire->fd, SHUT_RDWR);
  pthread_mutex_unlock(&wire->lock);
}
