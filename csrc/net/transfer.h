/* One attempt as an easy handle of libcurl's: what is set, what is collected, what it ended in.
 *
 * A transfer is prepared once for a profile and then reused; each attempt changes only what
 * differs. Callbacks append to bounded buffers and never call out. All addresses given to libcurl
 * stay where they are until the transfer takes another profile.
 */
#ifndef TRAIL_NET_TRANSFER_H
#define TRAIL_NET_TRANSFER_H

#include <curl/curl.h>

#include "net/transfers.h"
#include "net/transport.h"

struct trail_host;
struct trail_hosts;

enum trail_transfer_place {
  TRAIL_TRANSFER_IDLE,
  TRAIL_TRANSFER_WAITING, /* for a connection, with its host */
  TRAIL_TRANSFER_IN_FLIGHT,
  TRAIL_TRANSFER_FINISHED /* and not fetched yet */
};

struct trail_transfer {
  CURL *easy;                /* NULL until the first attempt */
  CURLU *origin;             /* where `easy` goes */
  struct trail_hosts *hosts; /* the transport's */
  void *owner;
  uint64_t profile_id; /* the profile `easy` is prepared for; 0: none */
  struct trail_secret *authorization;
  struct curl_slist *nodes; /* the header list; its lines belong to others */
  size_t node_capacity;
  struct trail_answer answer;
  struct trail_gunzip *gunzip; /* made when the first compressed body comes */
  bool compressed;             /* this body is */
  bool framed;                 /* it comes by HTTP/2, which tells its end */
  bool plain;                  /* `easy` is set for GET without a body */
  bool own;                    /* on a connection of its own, and `easy` is set for that */
  bool parting;                /* its connection was told 408, and `easy` is set to close it */
  bool once;                   /* a second copy on the wire is not libcurl's to send */
  bool bodiless;               /* its answer has none, whatever its head says: HEAD */
  bool http1;                  /* HTTP/2 is not spoken with its server */
  bool refused;                /* our callback ended it; the answer already says why */
  bool turned_back;            /* it wanted a socket while another was opening a connection */
  bool worn;                   /* not to be used again, see trail_transfer_finish */
  bool starved;                /* the process had no descriptor for it */
  bool on_wire;                /* its request has left, as far as `host` knows */
  unsigned opened;             /* sockets, since it was handed to libcurl */
  int fd;                      /* the last that libcurl wanted to hear of for it; -1: none */
  enum trail_transfer_place place;
  unsigned sends;
  unsigned failures;       /* of memory, before libcurl had it */
  unsigned wire;           /* the number of its connection; 0: not known, or shared by nobody */
  struct trail_host *host; /* NULL: nothing to know about it */
  int64_t halfway_us, until_us; /* of the time that the engine gives the attempt */
  int64_t connect_us;           /* how long connecting may take */
  int64_t connect_by_us;        /* once it has waited for a connection; 0: it never did */
  char error[CURL_ERROR_SIZE];
  struct trail_transfer *previous, *next; /* in the list of its place */
};

TRAIL_MUST_USE enum trail_status trail_transfer_create(struct trail_transfer **out);
void trail_transfer_destroy(struct trail_transfer *transfer);

/* TRAIL_CONFIG where this libcurl lacks an option that safety rests on. */
TRAIL_MUST_USE enum trail_status trail_transfer_prepare(struct trail_transfer *transfer,
                                                        struct trail_hosts *hosts,
                                                        const struct trail_request *request);
/* Just before it is handed to libcurl, and each time it is. */
void trail_transfer_launch(struct trail_transfer *transfer);

/* The transfer has ended in `code`: completes its answer. libcurl 7.88 remembers in a handle that a
 * stream of it was refused and how often it repeated requests, and would repeat later ones for it:
 * only a handle on which all went well is used again. */
void trail_transfer_finish(struct trail_transfer *transfer, CURLcode code);
/* It was stopped from outside: tells how far it had come. */
void trail_transfer_stop(struct trail_transfer *transfer);
/* It waited for a connection longer than connecting may take. */
void trail_transfer_expire(struct trail_transfer *transfer);

/* Lets go of what the attempt lent, before the handle waits in the pool. */
void trail_transfer_release(struct trail_transfer *transfer);

#endif
