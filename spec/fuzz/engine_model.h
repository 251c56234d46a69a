/* What the engine must hold to, whatever happens to its calls: a model that watches from outside,
 * through the fake transport and the calls themselves, and fails where a promise is broken.
 *
 * - A call ends once, and is listed once; it has as many attempts as its retries and keys allow.
 * - Nothing outlives its deadline, no attempt its timeout; a wait the server asked for is kept to.
 * - What may have acted and has no idempotency key is not sent again.
 * - A key goes to its own origin, and into no error.
 * - No more transfers are under way than a client may have, no more retries than the budget gives.
 * - An honest server's limit is not passed, nor a ceiling of the caller's own.
 */
#ifndef TRAIL_FUZZ_ENGINE_MODEL_H
#define TRAIL_FUZZ_ENGINE_MODEL_H

#include "base/clock.h"
#include "engine/engine.h"
#include "fake_transport.h"

enum {
  MODEL_CLIENTS = 2,
  MODEL_CALLS = 48,
  MODEL_KEYS = 8,
  MODEL_WINDOWS = 256,
  MODEL_WINDOW_US = 10000000
};

struct model_window {
  int64_t began_ms;
  int sent;
};

struct model_call {
  struct trail_call *call;
  int client;
  bool listed;
  bool may_have_acted;   /* an attempt that ended may have; only a 401 says that it has not */
  bool reached;          /* the present attempt may have */
  bool succeeded;        /* the latest answer was a whole 2xx */
  bool saw_2xx;          /* some attempt saw the head of one */
  unsigned starts;       /* attempts that were seen to begin */
  int64_t not_before_us; /* as the latest answer asked */
  unsigned serial;       /* of the attempt under way; 0: none */
  int64_t started_us;    /* and when it began, */
  struct trail_pacer_ticket ticket; /* with what */
};

struct model_client {
  struct trail_client *client;
  const char *keys[MODEL_KEYS]; /* all that it was ever given; none is a part of another */
  int key_count;
  int64_t window;                             /* the server's, by its number */
  unsigned counted;                           /* requests in it that we have to answer for */
  struct model_window windows[MODEL_WINDOWS]; /* of the ceiling of our own */
  int window_count;
  unsigned limit; /* the server's; 0: it has none */
  unsigned successes, requests_told;
};

struct model {
  struct trail_engine *engine;
  struct fake_transport *fake;
  struct model_client clients[MODEL_CLIENTS];
  struct model_call calls[MODEL_CALLS];
  int call_count;
  unsigned seen; /* serial of the latest attempt that was looked at */
  int64_t now_us;
};

/* The record of a call that has been made. */
struct model_call *model_add(struct model *model, int client, struct trail_call *call);
struct model_call *model_find(struct model *model, const struct trail_call *call);

/* The attempt is about to end with its answer as it is. */
void model_finish(struct model *model, const struct fake_attempt *attempt);

/* It has come so far that the server may have acted. */
void model_reach(struct model *model, const struct fake_attempt *attempt);

/* After each step: what has begun, what has ended, how things stand. */
void model_check(struct model *model);
/* After a turn of the engine's, too: nothing that was due is left. */
void model_check_turn(struct model *model);

/* Every call has ended, and each announced one was listed. */
void model_check_end(struct model *model);

#endif
