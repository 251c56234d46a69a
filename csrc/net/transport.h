/* What the engine sees of the network: attempts go in, answers come out.
 *
 * An attempt is one request on the wire (HTTP/1.1 or a stream of HTTP/2); a transfer is one under
 * way, opaque. Behind the table stands libcurl (curl_transport.c), or in the tests a fake that is
 * moved by hand. Nothing here blocks but `wait`, and nothing calls back: finished transfers are
 * fetched with `next`.
 */
#ifndef TRAIL_NET_TRANSPORT_H
#define TRAIL_NET_TRANSPORT_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/status.h"
#include "net/answer.h"

struct trail_secret;
struct trail_transfer;
struct trail_transport;

/* What all attempts of one client share: all go to one origin. It outlives them and never changes.
 */
struct trail_profile {
  uint64_t id;         /* unique in the process, so that a prepared handle is recognised */
  const char *ca_file; /* NULL: the system's */
  struct trail_slice ca_text; /* what it holds, where it cannot be read later; empty: read it */
  const char *proxy;   /* NULL: none, "env": from the environment, else its URL */
  const char *pinned_public_key; /* NULL: none; libcurl's syntax */
  bool plain_http;               /* loopback only; checked where the base URL is */
  int64_t connect_timeout_us;
  size_t max_response_bytes; /* of the decoded body */
};

/* One request. Everything is borrowed until its transfer has ended. */
struct trail_request {
  const struct trail_profile *profile;
  const char *method;
  const char *url; /* of the profile's origin */
  const char *headers;      /* "Name: value" lines, each ended by NUL, the list by an empty one */
  const char *more_headers; /* one line more; NULL: none */
  struct trail_secret *authorization; /* the whole header line; NULL: none */
  const char *body;                   /* NULL: the request has none */
  size_t body_size;
  bool safe;             /* changes nothing on the server (RFC 9110 section 9.2.1) */
  bool fresh_connection; /* not one that stood idle, which may be what broke an earlier attempt */
  bool single_use;       /* one of its own, before and after: it must not be sent twice */
  int64_t started_us, until_us; /* boot time; when the engine ends the attempt */
};

struct trail_transport_ops {
  /* Starts an attempt; `owner` comes back with its answer. On failure nothing is under way. */
  enum trail_status (*start)(struct trail_transport *transport, const struct trail_request *request,
                             void *owner, struct trail_transfer **out);

  /* Ends a transfer now. `answer` (initialised by the caller) tells how far it had come. */
  void (*cancel)(struct trail_transport *transport, struct trail_transfer *transfer,
                 struct trail_answer *answer);

  /* Moves the next finished transfer's answer out; false when there is none. */
  bool (*next)(struct trail_transport *transport, void **owner, struct trail_answer *answer);

  /* Reads and writes what is ready, waiting at most until boot time `until_us` (0: not at all).
   * False when a signal ended the wait. */
  bool (*wait)(struct trail_transport *transport, int64_t until_us);

  /* For a host's loop: a descriptor that is readable when `wait` has work, or at boot time `at_us`.
   */
  int (*arm)(struct trail_transport *transport, int64_t at_us);

  /* A descriptor of the caller's own, beside those of the transfers: `wait` ends when it is readable
   * or its other end is gone. In a forked child `abandon` closes the child's copy. */
  enum trail_status (*watch)(struct trail_transport *transport, int fd);
  void (*unwatch)(struct trail_transport *transport, int fd); /* before it is closed */
  /* The next of those that the latest `wait` found; -1 when there is none. */
  int (*readable)(struct trail_transport *transport);

  void (*destroy)(struct trail_transport *transport);
  /* In the child of a fork instead of destroy: the parent's connections are left to the parent. */
  void (*abandon)(struct trail_transport *transport);
};

struct trail_transport {
  const struct trail_transport_ops *ops;
  const sigset_t *asleep; /* the mask to sleep with (base/signals.h); NULL: the thread's own */
  pthread_mutex_t *lock;  /* held by the thread, but not while `wait` sleeps; NULL: none */
};

/* The real one. */
TRAIL_MUST_USE enum trail_status trail_curl_transport_create(struct trail_transport **out);

#endif
