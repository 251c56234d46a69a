/* Whole answers through the transfer: libcurl talks to a server on loopback that says what the
 * input says. An answer never counts unless it is whole, and what the server says unasked is no
 * answer.
 *
 * The first line of the input: "H" asks with HEAD, "T" goes over TLS, "R" ends with a reset, "N"
 * without TLS's word that it is the end, a digit is the size of the first pieces, "+" leaves the
 * connection open for the next request. Then comes the answer; behind a line "==" the answer to a
 * second request.
 */
#include <stdio.h>
#include <stdlib.h>

#include "answer_reference.h"
#include "base/clock.h"
#include "fuzz.h"
#include "net/transport.h"
#include "peer.h"

enum {
  MOST_BODY = 65536,
  PIECES = 64,
  PATIENCE = 6,         /* turns without a word until the server closes */
  PATIENCE_US = 8000000 /* until the transfer must have ended */
};

struct plan {
  bool head, keeps, tls;
  enum peer_end end;
  size_t piece;
};

struct server {
  struct peer peer;
  const struct plan *plan;
  struct trail_slice left; /* to be said */
  bool asked;              /* the request has come, whole */
  int pieces, idle;
  char request[4096];
  size_t request_size;
};

/* ---- the server ------------------------------------------------------------------------------ */

static const struct peer_connection *latest(const struct server *server) {
  return &server->peer.connections[server->peer.count - 1];
}

static void hear(struct server *server) {
  if (!server->peer.count) return;
  server->request_size += peer_hear(latest(server), server->request + server->request_size,
                                    sizeof server->request - server->request_size);
  server->asked = memmem(server->request, server->request_size, "\r\n\r\n", 4) != NULL;
}

static void say(struct server *server) {
  size_t size = server->left.size, piece = server->plan->piece;
  if (piece && server->pieces++ < PIECES && piece < size) size = piece;
  size = peer_say(latest(server), trail_slice_of(server->left.bytes, size));
  server->left = trail_slice_from(server->left, size);
  server->idle = 0;
}

/* One move: it accepts, hears, says a piece, and at last loses its patience. */
static void move(struct server *server) {
  if (peer_accept(&server->peer)) server->request_size = 0;
  if (!server->asked)
    hear(server);
  else if (server->left.size && server->peer.count)
    say(server);
  else if (++server->idle > PATIENCE && server->peer.count)
    peer_close(&server->peer, server->plan->end);
}

/* ---- one exchange ---------------------------------------------------------------------------- */

static const struct trail_profile *profile_of(const struct plan *plan) {
  static struct trail_profile profiles[2];
  struct trail_profile *profile = &profiles[plan->tls];
  *profile = (struct trail_profile){
      .id = UINT64_MAX - plan->tls,
      .ca_file = plan->tls ? peer_ca_file() : NULL,
      .plain_http = !plan->tls,
      .connect_timeout_us = 5000000,
      .max_response_bytes = MOST_BODY,
  };
  return profile;
}

static void ask(struct trail_transport *transport, const struct server *server, void *owner) {
  static char url[64];
  const struct plan *plan = server->plan;
  snprintf(url, sizeof url, "http%s://127.0.0.1:%d/v1/contacts", plan->tls ? "s" : "",
           server->peer.port);
  const struct trail_request request = {.profile = profile_of(plan),
                                        .method = plan->head ? "HEAD" : "GET",
                                        .url = url,
                                        .headers = "",
                                        .safe = true};
  struct trail_transfer *transfer;
  CHECK(transport->ops->start(transport, &request, owner, &transfer) == TRAIL_OK);
}

static void exchange(struct trail_transport *transport, struct server *server,
                     struct trail_answer *answer) {
  int64_t until_us = trail_clock_boot_us() + PATIENCE_US;
  void *owner = NULL;
  int mark;
  server->asked = false;
  server->request_size = 0;
  server->pieces = server->idle = 0;
  ask(transport, server, &mark);
  while (!transport->ops->next(transport, &owner, answer)) {
    int64_t now_us = trail_clock_boot_us();
    CHECK(now_us < until_us);
    (void)transport->ops->wait(transport, server->asked && server->left.size ? 0 : now_us + 200);
    move(server);
  }
  CHECK(owner == &mark);
}

/* Whether a status line in it is one of libcurl's own. */
static bool is_made_up(struct trail_slice said) {
  return said.size && (memmem(said.bytes, said.size, "HTTP/2 ", 7) ||
                       memmem(said.bytes, said.size, "HTTP/3 ", 7));
}

/* That a connection was cut says that what was to last until its end has not come to it. */
static bool is_cut_off(const struct reference *is, const struct plan *plan) {
  return is->until_close && (plan->tls ? plan->end != PEER_CLOSES : plan->end == PEER_RESETS);
}

static void check(const struct trail_answer *answer, struct trail_slice said,
                  const struct plan *plan) {
  struct reference is = reference_read(said, plan->head, MOST_BODY);
  bool counts = answer->failure == TRAIL_OK;
  if (counts && plan->tls && is_made_up(said)) {
    /* libcurl says the same of an answer that came by HTTP/2. */
  } else if (counts && is.lost) {
    CHECK(answer->head.complete && answer->sent);
  } else if (counts) {
    CHECK(is.whole && answer->head.complete && answer->sent);
    CHECK(answer->open_ended == (plan->tls && is.until_close && !is.gzip));
    CHECK(answer->head.status == is.status);
    CHECK(trail_slice_same(trail_buffer_slice(&answer->body), trail_slice_of(is.body, is.size)));
  } else {
    CHECK(answer->message != NULL && *answer->message);
    CHECK(!is.whole || !is.plain || is_cut_off(&is, plan));
  }
  free(is.body);
}

static void run(struct trail_transport *transport, struct server *server, struct trail_slice said) {
  struct trail_answer answer;
  trail_answer_init(&answer, 0);
  server->left = said;
  exchange(transport, server, &answer);
  check(&answer, said, server->plan);
  trail_answer_clear(&answer);
}

/* ---- the input ------------------------------------------------------------------------------- */

static struct plan read_plan(struct trail_slice line) {
  struct plan plan = {.end = PEER_CLOSES};
  for (size_t i = 0; i < line.size; i++) {
    char c = line.bytes[i];
    if (c == 'H') plan.head = true;
    if (c == 'T') plan.tls = true;
    if (c == 'N') plan.end = PEER_CUTS;
    if (c == 'R') plan.end = PEER_RESETS;
    if (c == '+') plan.keeps = true;
    if (c >= '0' && c <= '9') plan.piece = (size_t)(c - '0');
  }
  return plan;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice rest = trail_slice_of((const char *)data, size);
  struct plan plan = read_plan(fuzz_line(&rest));
  const char *second = rest.size ? memmem(rest.bytes, rest.size, "\n==\n", 4) : NULL;
  struct trail_slice first = {rest.bytes, second ? (size_t)(second - rest.bytes) : rest.size};
  struct server server = {.plan = &plan};
  struct trail_transport *transport;
  peer_listen(&server.peer, plan.tls ? peer_tls("http/1.1") : NULL);
  CHECK(trail_curl_transport_create(&transport) == TRAIL_OK);
  run(transport, &server, first);
  while (!plan.keeps && server.peer.count) peer_close(&server.peer, plan.end);
  if (second) run(transport, &server, trail_slice_from(rest, first.size + 4));
  transport->ops->destroy(transport);
  peer_end(&server.peer);
  return 0;
}
