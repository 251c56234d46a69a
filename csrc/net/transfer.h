/* One attempt as an easy handle of libcurl's: what is set, what is collected, what it ended in.
 *
 * A transfer is prepared once for a profile and then reused; each attempt changes only what
 * differs. Callbacks append to bounded buffers and never call out. All addresses given to libcurl
 * stay where they are until the transfer is reset.
 */
#ifndef TRAIL_NET_TRANSFER_H
#define TRAIL_NET_TRANSFER_H

#include <curl/curl.h>

#include "net/poller.h"
#include "net/transport.h"

struct trail_transfer {
  CURL *easy;
  void *owner;
  uint64_t profile_id; /* the profile `easy` is prepared for; 0: none */
  struct trail_secret *authorization;
  struct curl_slist *nodes; /* the header list; its lines belong to others */
  size_t node_capacity;
  struct trail_answer answer;
  struct trail_gunzip *gunzip; /* made when the first compressed body comes */
  bool compressed;             /* this body is */
  bool finished;               /* has ended and waits to be fetched */
  bool fresh;                  /* on a connection of its own */
  bool once;                   /* a second copy on the wire is not libcurl's to send */
  unsigned sends;
  bool bodiless; /* its answer has none, whatever its head says: HEAD */
  bool refused;  /* our callback ended it; the answer already says why */
  char error[CURL_ERROR_SIZE];
  struct trail_transfer *previous, *next; /* the transport's lists */
};

TRAIL_MUST_USE enum trail_status trail_transfer_create(struct trail_transfer **out);
void trail_transfer_destroy(struct trail_transfer *transfer);

/* TRAIL_CONFIG where this libcurl lacks an option that safety rests on. */
TRAIL_MUST_USE enum trail_status trail_transfer_prepare(struct trail_transfer *transfer,
                                                        struct trail_poller *poller,
                                                        const struct trail_request *request);

/* The transfer has ended in `code`: completes its answer. */
void trail_transfer_finish(struct trail_transfer *transfer, CURLcode code);
/* It was stopped from outside: tells how far it had come. */
void trail_transfer_stop(struct trail_transfer *transfer);

/* Lets go of what the attempt lent, before the handle waits in the pool. */
void trail_transfer_release(struct trail_transfer *transfer);

#endif
