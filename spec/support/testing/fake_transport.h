/* A network moved by hand: attempts wait until a spec ends them with an answer of its choice.
 *
 * It keeps copies of what it was asked to send, notes what became of each attempt, and can refuse
 * to start the next ones. Nothing in it blocks; `wait` does what it was told to do next.
 */
#ifndef TRAIL_TESTING_FAKE_TRANSPORT_H
#define TRAIL_TESTING_FAKE_TRANSPORT_H

#include "net/transport.h"

enum fake_fate { FAKE_UNDER_WAY, FAKE_FINISHED };

struct fake_attempt {
  unsigned serial; /* 1 for the transport's first */
  enum fake_fate fate;
  void *owner;
  char *method, *url, *authorization, *body; /* NULL: none */
  char *headers;                             /* joined by line feeds */
  size_t body_size;
  bool fresh_connection;
  struct trail_answer answer; /* how far it has come */
  struct fake_attempt *next;
};

struct fake_transport {
  struct trail_transport base;
  struct fake_attempt *first; /* in the order of their start, or of their end once finished */
  unsigned started, cancelled;
  enum trail_status refuse; /* TRAIL_OK: attempts start */
  char waits[32];           /* what the next waits do: 's'ignal, 'f'inish the first, 'n'othing */
  unsigned waited;          /* how often */
  int64_t wait_until_us;    /* as it was asked the last time */
};

/* Counts of all fakes: what was given up must have been given up in one way, once. */
extern unsigned fake_transports_destroyed, fake_transports_abandoned;

struct fake_transport *fake_transport_create(void);

/* NULL: there is none of that number under way. */
struct fake_attempt *fake_transport_find(struct fake_transport *fake, unsigned serial);
/* Its answer, filled in before, is handed out by `next`, in the order of the calls to this. */
void fake_transport_finish(struct fake_transport *fake, struct fake_attempt *attempt);

#endif
