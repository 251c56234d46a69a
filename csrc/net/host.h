/* What libcurl cannot be asked about servers: which of them take many requests on one connection,
 * which connections those are, and who waits for one to be opened.
 *
 * Of a server that multiplexes, or may do so, one connection is opened at a time. libcurl asks for
 * a socket when it finds no connection with room; while another attempt is opening one the answer
 * is no, and the attempt waits here, without a place in libcurl, until that connection stands. A
 * server that turns out to speak HTTP/1.1 keeps nobody waiting. Plain HTTP has no host here.
 */
#ifndef TRAIL_NET_HOST_H
#define TRAIL_NET_HOST_H

#include "net/transfer.h"
#include "net/transfers.h"

enum trail_host_kind {
  TRAIL_HOST_UNKNOWN,
  TRAIL_HOST_MULTIPLEXES, /* HTTP/2 */
  TRAIL_HOST_SERVES_ONE   /* a connection carries one request at a time: HTTP/1.1 */
};

/* A connection that several attempts may share. It is known until it is closed and none is left. */
struct trail_wire {
  int fd;           /* -1: closed */
  int local_port;   /* 0: not known yet */
  unsigned number;  /* of the connections to this host; descriptors are used again */
  unsigned streams; /* attempts under way on it */
  bool shared;      /* it speaks HTTP/2: it has carried several at a time, or answered so */
  bool broken;      /* it has ended under an attempt */
  int64_t heard_us; /* when it last had something for us */
  struct trail_wire *next;
};

struct trail_host {
  struct trail_host *next;
  char *name;          /* what libcurl tells connections apart by */
  uint64_t profile_id; /* the last that asked for it */
  enum trail_host_kind kind;
  unsigned users;                 /* attempts that point here */
  unsigned sent;                  /* of them those that have sent their request */
  struct trail_transfer *opening; /* opens a connection */
  struct trail_transfers waiting; /* for that */
  struct trail_wire *wires;
  unsigned opened; /* wires, ever */
};

/* All of one transport. */
struct trail_hosts {
  struct trail_poller *poller;
  struct trail_host *first;
  unsigned count;
};

void trail_hosts_clear(struct trail_hosts *hosts);

/* The host that an attempt goes to, held until `leave`; NULL where there is no memory for it. */
struct trail_host *trail_hosts_enter(struct trail_hosts *hosts,
                                     const struct trail_request *request);

/* Has the attempt to wait before it is handed to libcurl? If not, it is the one to open. */
bool trail_host_holds(struct trail_host *host, struct trail_transfer *transfer);
/* libcurl wants a socket for the attempt: may it have one? */
bool trail_host_may_open(struct trail_host *host, struct trail_transfer *transfer);
/* It has got this one. */
void trail_host_opened(struct trail_host *host, int fd);
/* The attempt's request is about to leave from that port. */
void trail_host_sends(struct trail_host *host, struct trail_transfer *transfer, int local_port);
/* Its answer begins with this version of HTTP. */
void trail_host_answers(struct trail_host *host, const struct trail_transfer *transfer,
                        char version);
/* A connection of HTTP/2 outlives a stream that is given up. Nothing shall be sent on it any more
 * when it may have gone silent: it said nothing for the second half of the time that the attempt
 * had, or was given up before and nobody else uses it. Its socket then, else -1. */
int trail_host_doubts(const struct trail_host *host, const struct trail_transfer *transfer);
/* The attempt has ended, or waits again. */
void trail_host_quits(struct trail_host *host, struct trail_transfer *transfer);
void trail_host_leave(struct trail_host *host);

/* May those who wait go on? */
bool trail_host_lets_go(const struct trail_host *host);

bool trail_hosts_share(const struct trail_hosts *hosts); /* is any of its connections known? */
void trail_hosts_heard(struct trail_hosts *hosts, int fd, int64_t now_us);
void trail_hosts_closing(struct trail_hosts *hosts, int fd);
struct trail_wire *trail_host_wire(const struct trail_host *host, unsigned number);

#endif
