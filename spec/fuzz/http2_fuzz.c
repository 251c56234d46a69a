/* Answers over HTTP/2: libcurl talks by TLS to a server on loopback that says the frames of the
 * input. An answer counts only where its stream has come to its end, is told to the call it is for,
 * and a request that must not be repeated is sent once.
 *
 * The first line of the input: "H" asks with HEAD, "P" with POST, "&" makes two calls (streams 1
 * and 3), "C" cancels the first when the server begins to speak, "+" makes one more call behind
 * them, to which nothing is said; "E" speaks before it is asked, "-" without the settings that
 * otherwise come first; "R" ends with a reset, "N" without TLS's word that it is the end, a digit
 * is ten times the size of the first pieces. Each line behind it is a frame, see http2_frames.h;
 * those behind a line "=" are said on the second connection, which whoever has to ask again comes by.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fuzz.h"
#include "http2_reference.h"
#include "net/transport.h"
#include "peer.h"

enum {
  CALLS = 3,  /* the last is the one behind the others */
  SPOKEN = 2, /* connections that are spoken to */
  LATE = 2,
  MOST_BODY = 65536,
  PIECES = 64,
  PATIENCE = 6,          /* turns without a word until the server closes */
  PATIENCE_TO_HEAR = 50, /* until it speaks to those who are silent */
  PATIENCE_US = 8000000  /* until the calls must have ended */
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct plan {
  bool head, post, cancels, late, early, bare;
  int calls;
  enum peer_end end;
  size_t piece;
};

struct call {
  struct trail_transfer *transfer;
  struct trail_answer answer;
  bool ended, cancelled;
  unsigned heard; /* how often its request came */
  /* Where it came last: */
  unsigned connection;
  uint32_t stream; /* 0: it did not come */
};

/* What came on one connection. */
struct ear {
  char in[16384];
  size_t size;
  bool greeted;
  nghttp2_hd_inflater *inflater;
  struct world *world;
  uint32_t stream;
  unsigned number, requests;
};

/* What is to be said on one. */
struct mouth {
  struct trail_slice said, left;
  int pieces;
  bool untimely; /* it spoke unasked */
};

struct world {
  const struct plan *plan;
  struct trail_transport *transport;
  struct peer peer;
  struct ear ears[PEER_CONNECTIONS]; /* by the connections' number */
  struct mouth mouths[SPOKEN];
  struct call calls[CALLS];
  int idle;
};

/* ---- hearing --------------------------------------------------------------------------------- */

static void note_request(void *context, struct trail_slice name, struct trail_slice value) {
  struct ear *ear = context;
  if (!trail_slice_same(name, trail_slice_text(":path"))) return;
  struct call *call = &ear->world->calls[value.bytes[value.size - 1] - '0'];
  call->heard++;
  call->connection = ear->number;
  call->stream = ear->stream;
  ear->requests++;
}

static void take_frames(struct ear *ear) {
  struct trail_slice rest = trail_slice_of(ear->in, ear->size);
  struct http2_frame frame;
  if (!ear->greeted) {
    if (rest.size < sizeof preface - 1) return;
    CHECK(memcmp(rest.bytes, preface, sizeof preface - 1) == 0);
    rest = trail_slice_from(rest, sizeof preface - 1);
    ear->greeted = true;
  }
  while (http2_frame_next(&rest, &frame)) {
    if (frame.type != HTTP2_HEADERS) continue;
    ear->stream = frame.stream;
    CHECK(frame.flags & HTTP2_END_HEADERS && http2_frame_trim(&frame));
    CHECK(http2_fields(ear->inflater, frame.payload, note_request, ear));
  }
  memmove(ear->in, rest.bytes, rest.size);
  ear->size = rest.size;
}

static void hear(struct world *world, const struct peer_connection *connection) {
  struct ear *ear = &world->ears[connection->number % PEER_CONNECTIONS];
  size_t size = peer_hear(connection, ear->in + ear->size, sizeof ear->in - ear->size);
  if (!size) return;
  world->idle = 0;
  ear->size += size;
  take_frames(ear);
}

static void open_ear(struct world *world) {
  unsigned number = world->peer.accepted - 1;
  CHECK(number < PEER_CONNECTIONS);
  world->ears[number].world = world;
  world->ears[number].number = number;
  CHECK(nghttp2_hd_inflate_new(&world->ears[number].inflater) == 0);
  world->idle = 0;
}

/* ---- speaking -------------------------------------------------------------------------------- */

/* On the first it waits for all the calls, on the second for any. */
static bool is_asked(const struct world *world, int which) {
  if (which) return world->ears[which].requests > 0;
  for (int i = 0; i < world->plan->calls; i++)
    if (!world->calls[i].heard) return false;
  return true;
}

static const struct peer_connection *connection_of(const struct world *world, int which) {
  for (int i = 0; i < world->peer.count; i++)
    if (world->peer.connections[i].number == (unsigned)which) return &world->peer.connections[i];
  return NULL;
}

/* Whether anything is left to be said, to somebody who is there or may come. */
static bool is_silent(const struct world *world) {
  if (!world->peer.accepted) return !world->mouths[0].left.size;
  for (int i = 0; i < SPOKEN; i++)
    if (world->mouths[i].left.size && connection_of(world, i)) return false;
  return true;
}

static bool speaks(struct world *world, int which) {
  struct mouth *mouth = &world->mouths[which];
  if (!mouth->left.size || !connection_of(world, which)) return false;
  bool asked = is_asked(world, which), early = which == 0 && world->plan->early;
  bool untimely = !asked && (early || world->idle > PATIENCE_TO_HEAR);
  if (untimely) mouth->untimely = true;
  return asked || mouth->untimely;
}

static void say(struct world *world, int which) {
  struct mouth *mouth = &world->mouths[which];
  size_t size = mouth->left.size, piece = world->plan->piece;
  if (piece && mouth->pieces++ < PIECES && piece < size) size = piece;
  size = peer_say(connection_of(world, which), trail_slice_of(mouth->left.bytes, size));
  mouth->left = trail_slice_from(mouth->left, size);
  if (size) world->idle = 0;
}

static void cancel(struct world *world, struct call *call) {
  if (call->ended || !call->transfer) return;
  world->transport->ops->cancel(world->transport, call->transfer, &call->answer);
  call->ended = call->cancelled = true;
}

static void move(struct world *world) {
  bool spoke = false;
  world->idle++;
  if (peer_accept(&world->peer)) open_ear(world);
  for (int i = 0; i < world->peer.count; i++) hear(world, &world->peer.connections[i]);
  for (int i = 0; i < SPOKEN; i++) {
    if (!speaks(world, i)) continue;
    say(world, i);
    spoke = true;
  }
  if (spoke && world->plan->cancels) cancel(world, &world->calls[0]);
  if (spoke || world->idle <= (is_silent(world) ? PATIENCE : PATIENCE_TO_HEAR)) return;
  while (world->peer.count) peer_close(&world->peer, world->plan->end);
}

/* ---- the calls ------------------------------------------------------------------------------- */

static const struct trail_profile *profile(void) {
  static struct trail_profile all = {
      .id = UINT64_MAX, .connect_timeout_us = PATIENCE_US, .max_response_bytes = MOST_BODY};
  all.ca_file = peer_ca_file();
  return &all;
}

static void ask(struct world *world, int which) {
  static char urls[CALLS][64];
  struct call *call = &world->calls[which];
  bool post = world->plan->post;
  snprintf(urls[which], sizeof urls[which], "https://127.0.0.1:%d/v1/contacts?call=%d",
           world->peer.port, which);
  int64_t now_us = trail_clock_boot_us();
  const struct trail_request request = {
      .profile = profile(),
      .method = post                ? "POST"
                : world->plan->head ? "HEAD"
                                    : "GET",
      .url = urls[which],
      .headers = "",
      .body = post ? "{}" : NULL,
      .body_size = post ? 2 : 0,
      .safe = !post,
      .started_us = now_us,
      .until_us = now_us + PATIENCE_US,
  };
  trail_answer_init(&call->answer, 0);
  call->ended = false;
  CHECK(world->transport->ops->start(world->transport, &request, call, &call->transfer) ==
        TRAIL_OK);
}

static void collect(struct world *world) {
  struct trail_answer answer;
  void *owner;
  trail_answer_init(&answer, 0);
  while (world->transport->ops->next(world->transport, &owner, &answer)) {
    struct call *call = owner;
    CHECK(!call->ended);
    trail_answer_move(&call->answer, &answer);
    call->ended = true;
  }
  trail_answer_clear(&answer);
}

static bool all_ended(const struct world *world) {
  for (int i = 0; i < CALLS; i++)
    if (!world->calls[i].ended) return false;
  return true;
}

static void exchange(struct world *world) {
  int64_t until_us = trail_clock_boot_us() + PATIENCE_US;
  world->idle = 0;
  for (collect(world); !all_ended(world); collect(world)) {
    int64_t now_us = trail_clock_boot_us();
    CHECK(now_us < until_us);
    (void)world->transport->ops->wait(world->transport, is_silent(world) ? now_us + 200 : 0);
    move(world);
  }
}

/* ---- what must hold -------------------------------------------------------------------------- */

/* Where a server breaches the protocol, libcurl 7.88 closes the connection and takes what it has of
 * a body without Content-Length for all of it. */
static bool may_be_a_part(const struct http2_answer *is, const struct http2_reference *all) {
  return !all->plain && is->headed && (!is->reset || is->late) && is->length < 0;
}

static void check_success(const struct call *call, const struct http2_answer *is,
                          const struct http2_reference *all, bool head) {
  struct trail_slice body = trail_buffer_slice(&call->answer.body), whole;
  CHECK(is != NULL && (is->whole || is->filled || may_be_a_part(is, all)));
  CHECK(call->answer.head.complete && call->answer.sent && !call->answer.open_ended);
  CHECK(call->answer.head.status == is->status);
  if (head || is->zipped) return;
  whole = trail_buffer_slice(&is->body);
  if (may_be_a_part(is, all) && body.size < whole.size) whole.size = body.size;
  if (is->filled && is->length >= 0) whole.size = (size_t)is->length;
  CHECK(trail_slice_same(body, whole));
}

static void check_call(const struct world *world, const struct call *call,
                       const struct http2_reference *all) {
  bool spoken_to = call->heard && call->connection < SPOKEN;
  const struct http2_reference *there = &all[spoken_to ? call->connection : 0];
  const struct http2_answer *is = spoken_to ? http2_reference_on(there, call->stream) : NULL;
  if (!call->cancelled && call->answer.failure == TRAIL_OK) {
    check_success(call, is, there, world->plan->head);
  } else if (!call->cancelled) {
    /* Of one that asked again it is not known what else befell its connection. */
    bool whole = is && is->whole && there->plain && call->heard == 1 && call->connection == 0;
    CHECK(call->answer.message != NULL && *call->answer.message);
    CHECK(!whole || world->mouths[0].untimely || world->plan->cancels ||
          world->plan->end == PEER_RESETS);
  }
  if (call->heard && !there->goes_away && !(is && is->refused)) CHECK(call->answer.sent);
  if (world->plan->post) CHECK(call->heard <= 1);
}

/* What the first connection has said unasked is nobody's answer. */
static void check_late(const struct world *world, const struct http2_reference *all) {
  const struct call *call = &world->calls[LATE];
  if (call->heard && call->connection == 1)
    check_call(world, call, all);
  else
    CHECK(call->answer.failure != TRAIL_OK);
}

static void check(const struct world *world) {
  struct http2_reference all[SPOKEN];
  for (int i = 0; i < SPOKEN; i++)
    http2_reference_read(&all[i], world->mouths[i].said, world->plan->head,
                         2 * world->ears[i].requests);
  for (int i = 0; i < world->plan->calls; i++) check_call(world, &world->calls[i], all);
  if (world->plan->late) check_late(world, all);
  for (int i = 0; i < SPOKEN; i++) http2_reference_clear(&all[i]);
}

/* ---- the input ------------------------------------------------------------------------------- */

static struct plan read_plan(struct trail_slice line) {
  struct plan plan = {.calls = 1, .end = PEER_CLOSES};
  for (size_t i = 0; i < line.size; i++) {
    char c = line.bytes[i];
    if (c == 'H') plan.head = true;
    if (c == 'P') plan.post = true;
    if (c == '&') plan.calls = 2;
    if (c == 'C') plan.cancels = true;
    if (c == '+') plan.late = true;
    if (c == 'E') plan.early = true;
    if (c == '-') plan.bare = true;
    if (c == 'R') plan.end = PEER_RESETS;
    if (c == 'N') plan.end = PEER_CUTS;
    if (c >= '0' && c <= '9') plan.piece = (size_t)(c - '0') * 10;
  }
  return plan;
}

static void run(struct world *world) {
  for (int i = 0; i < CALLS; i++) world->calls[i].ended = true;
  for (int i = 0; i < world->plan->calls; i++) ask(world, i);
  exchange(world);
  if (world->plan->late) {
    ask(world, LATE);
    exchange(world);
  }
  check(world);
}

/* Up to a line "=", which goes. */
static struct trail_slice take_part(struct trail_slice *rest) {
  struct trail_slice part = {rest->bytes, 0};
  while (rest->size) {
    part.size = (size_t)(rest->bytes - part.bytes);
    if (trail_slice_same(fuzz_line(rest), trail_slice_text("="))) return part;
  }
  part.size = rest->bytes ? (size_t)(rest->bytes - part.bytes) : 0;
  return part;
}

static void compile(const struct plan *plan, struct trail_slice lines, struct trail_buffer *out) {
  trail_buffer_init(out, SIZE_MAX / 2);
  if (!plan->bare) http2_compile(trail_slice_text("s000\n"), out);
  http2_compile(lines, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice lines = trail_slice_of((const char *)data, size);
  struct plan plan = read_plan(fuzz_line(&lines));
  struct trail_buffer said[SPOKEN];
  struct world *world = calloc(1, sizeof *world);
  CHECK(world != NULL);
  world->plan = &plan;
  for (int i = 0; i < SPOKEN; i++) {
    bool nothing = i > 0 && !lines.size;
    compile(&plan, take_part(&lines), &said[i]);
    if (nothing) trail_buffer_clear(&said[i]);
    world->mouths[i].said = world->mouths[i].left = trail_buffer_slice(&said[i]);
  }
  peer_listen(&world->peer, peer_tls("h2"));
  CHECK(trail_curl_transport_create(&world->transport) == TRAIL_OK);
  run(world);
  world->transport->ops->destroy(world->transport);
  peer_end(&world->peer);
  for (int i = 0; i < CALLS; i++) trail_answer_clear(&world->calls[i].answer);
  for (unsigned i = 0; i < world->peer.accepted; i++)
    nghttp2_hd_inflate_del(world->ears[i].inflater);
  for (int i = 0; i < SPOKEN; i++) trail_buffer_clear(&said[i]);
  free(world);
  return 0;
}
