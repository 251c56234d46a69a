/* A call: one request of the caller's, over all its attempts, from submission to its result.
 *
 * Shared by count between the engine, which alone changes it, and the handle that will read the
 * result. It keeps its client alive. Everything a caller gave is copied at creation, so no Lua
 * value has to outlive the call.
 */
#ifndef TRAIL_ENGINE_CALL_H
#define TRAIL_ENGINE_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/status.h"
#include "engine/client.h"
#include "engine/timers.h"
#include "net/answer.h"
#include "policy/facts.h"
#include "policy/method.h"
#include "policy/verdict.h"

#define TRAIL_KEY_TRIES_MAX \
  3 /* beyond the retries: the source's new key, the fallback, once more */

enum trail_call_state {
  TRAIL_CALL_NEW,
  TRAIL_CALL_QUEUED,       /* waits for a place in its client's lane */
  TRAIL_CALL_AWAITING_KEY, /* waits for a key that works */
  TRAIL_CALL_IN_FLIGHT,    /* has a transfer */
  TRAIL_CALL_BACKING_OFF,  /* waits before its next attempt */
  TRAIL_CALL_DONE
};

/* Which of the caller's limits ran out. */
enum trail_limit {
  TRAIL_LIMIT_NONE,
  TRAIL_LIMIT_TIMEOUT,
  TRAIL_LIMIT_CONNECT_TIMEOUT,
  TRAIL_LIMIT_DEADLINE,
  TRAIL_LIMIT_RETRY_BUDGET, /* the origin's retries are used up for now */
  TRAIL_LIMIT_BATCH_DEADLINE
};

struct trail_call_spec {
  enum trail_method method;
  struct trail_slice target; /* path and query as they go on the wire */
  bool has_body;
  struct trail_slice body;
  struct trail_slice headers;         /* instead of the client's: lines each ended by NUL */
  bool json;                          /* the client's lines for a JSON body, unless `headers` */
  struct trail_slice idempotency_key; /* empty: none */
  bool keyless;                       /* for no key could be made */
  int64_t timeout_us, deadline_us;
  uint32_t retries;
  enum trail_pacer_priority priority;
};

struct trail_history {
  int http_status; /* 0: no answer */
  enum trail_status kind;
  int64_t wait_us; /* before this attempt */
  int64_t elapsed_us;
};

/* Thousands may wait in line, so the order and the width of the fields leave few gaps. */
struct trail_call {
  struct trail_timer timer; /* first: the engine finds the call by it */
  uint64_t id;
  struct trail_client *client;
  struct trail_call *previous, *next; /* among the engine's live calls; then, among the finished */
  struct trail_call *lane_previous, *lane_next; /* in the client's lane, or awaiting its key */
  uint64_t number;                              /* by which its owner knows it; 0: it has none */
  struct trail_transfer *transfer;
  struct trail_job *job; /* in the worker's hands (desk.h); NULL: driven inline */
  atomic_uint holders;   /* who holds it and who drives it may be two threads */
  enum trail_call_state state : 8;
  enum trail_pacer_priority priority : 8;
  enum trail_method method : 8;
  enum trail_limit limit : 8;       /* part of the result */
  bool announced;                   /* its end is to be listed for its owner */
  bool held_back;                   /* the pacer made it wait, since it was last admitted */
  bool admitted;                    /* the ticket is out */
  bool connection_doubted;          /* the last attempt had no whole answer, and used it alone */
  uint32_t path_at, path_size;      /* within `url`, without query */
  struct trail_pacer_ticket ticket; /* of the current attempt */

  const char *headers;  /* the client's, or behind `url` */
  const char *key_line; /* one line more, with the idempotency key, behind `url`; NULL: none */
  char *body;
  size_t body_size;
  /* Of the current attempt; once done, only where a success sends the key back. */
  struct trail_secret *authorization;

  int64_t timeout_us, deadline_us;
  int64_t submitted_us;
  int64_t deadline_at_us;
  int64_t started_us;            /* the current attempt */
  int64_t waited_us;             /* before the current attempt */
  struct trail_history *history; /* `attempts` entries; NULL while all went well */
  uint8_t retries, attempts;     /* TRAIL_RETRIES_MAX and a few */
  uint8_t key_tries;             /* attempts that only another key made necessary */
  bool rekeyed;                  /* the next attempt is with another key */
  bool keyless;                  /* no idempotency key could be made */
  bool provided;                 /* the function key was asked for it */

  /* The result, once done. */
  bool repeatable;
  enum trail_status result : 8;
  enum trail_outcome outcome : 8;
  int64_t retry_after_ms; /* -1: the server did not say */
  int64_t done_us, done_wall_ms;
  struct trail_answer answer;
  struct trail_facts facts; /* views into `answer` */

  char url[]; /* and, behind its NUL, the header lines of its own */
};

TRAIL_MUST_USE enum trail_status trail_call_create(struct trail_client *client,
                                                   const struct trail_call_spec *spec,
                                                   struct trail_call **out);
struct trail_call *trail_call_retain(struct trail_call *call);
void trail_call_release(struct trail_call *call);

/* One entry more in the history, for the attempt that has just ended. */
void trail_call_remember(struct trail_call *call, int http_status, enum trail_status kind,
                         int64_t elapsed_us);

/* The call has no more use for the key it was asked with. */
void trail_call_forget_key(struct trail_call *call);

/* The one on the wire; NULL: none. */
const char *trail_call_idempotency_key(const struct trail_call *call);

/* Relative to the base URL, as the caller wrote it, without query. */
struct trail_slice trail_call_path(const struct trail_call *call);

#endif
