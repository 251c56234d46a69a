/* A client: its settings, its key, and the line its calls wait in.
 *
 * Settings never change after creation; strings are copied. A client is shared by count between the
 * handle Lua holds and every call that has not ended, so a dropped client lives until its calls are
 * done. The lane belongs to the engine; nobody else writes it.
 */
#ifndef TRAIL_ENGINE_CLIENT_H
#define TRAIL_ENGINE_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "engine/budgets.h"
#include "engine/events.h"
#include "engine/keyring.h"
#include "engine/pace_store.h"
#include "net/origin.h"
#include "net/transport.h"
#include "policy/backoff.h"
#include "policy/field.h"
#include "policy/pacer.h"

#define TRAIL_RETRIES_MAX 20

struct trail_call;

struct trail_client_options {
  const char *base_url;
  const char *ca_file, *proxy, *pinned_public_key; /* NULL: not given */
  struct trail_slice ca_text;                      /* PEM, for those of ca_file; empty: not given */
  struct trail_slice headers, json_headers;        /* lines each ended by NUL */
  int64_t timeout_us, connect_timeout_us, deadline_us;
  uint32_t retries;
  struct trail_backoff backoff;
  uint32_t concurrency;
  size_t max_response_bytes;
  bool events; /* record them */
  bool paced;  /* false: requests leave as they come */
  bool pace_shared;
  const char *pace_scope; /* NULL: the key names the budget */
  struct trail_pacer_config pacing;
  enum trail_pacer_priority priority;
};

/* The latest rate-limit fields, and when they came. */
struct trail_rate_view {
  bool known;
  struct trail_rate_fields fields;
  int64_t server_date; /* Unix time by the server's clock; -1: it did not say */
  int64_t seen_us;
  int64_t seen_wall_ms;
};

/* Calls of one priority, first come, first served. Only the first one waits on the pacer. */
struct trail_line {
  struct trail_call *first, *last;
  int64_t ask_again_us; /* what the pacer said to the first; 0: it was not asked */
};

struct trail_lane {
  struct trail_line lines[TRAIL_PACER_HIGH + 1]; /* by priority; higher ones go first */
  uint32_t in_flight;
  uint32_t queued;
  bool listed; /* in the engine's list of lanes that have calls waiting */
  struct trail_client *next;
};

/* Calls that wait until a key is known to work, or for the function that gives one. */
struct trail_key_wait {
  struct trail_call *first, *last;
  struct trail_call *trial;      /* the one call that tries an unproven key */
  enum trail_key_verdict asking; /* one of ASK: a function has to be asked */
  bool taken;                    /* somebody is asking it */
  bool deaf;                     /* nobody is left who could */
  bool tried;                    /* in the engine's list of clients whose trial has ended */
  struct trail_client *next;
};

struct trail_client {
  struct trail_origin origin;
  struct trail_profile profile;
  struct trail_client_options defaults; /* without its strings, but for the pacing scope's */
  char *headers, *json_headers;         /* lines ended by NUL, the list by an empty one */
  struct trail_keyring keyring;
  struct trail_retry_budget *retry_budget; /* its origin's, shared with other clients, or the next */
  struct trail_retry_budget own_budget;    /* for want of a place in budgets.h */
  struct trail_pace_store *pace_store;     /* opened when the first call asks for admission */
  struct trail_secret *paced_key;          /* the line of the key that the store knows it by */
  struct trail_rate_view rate;
  struct trail_lane lane;
  struct trail_key_wait key_wait;
  struct trail_events events;
  bool closed; /* this and the next are the Lua thread's */
  bool hired;  /* the worker drives its calls from now on */
  size_t live; /* its calls that are not done */
  struct trail_guest *guest; /* the worker drives its calls (guest.h); NULL: driven inline */
  void (*destroy_guest)(struct trail_guest *guest);
  atomic_uint holders;
};

/* TRAIL_CONFIG with `why` about the base URL, or TRAIL_NO_MEMORY. */
TRAIL_MUST_USE enum trail_status trail_client_create(const struct trail_client_options *options,
                                                     struct trail_client **out, const char **why);
struct trail_client *trail_client_retain(struct trail_client *client);
void trail_client_release(struct trail_client *client);

/* It is closed: no key of its stays. */
void trail_client_forget_keys(struct trail_client *client);

/* Seconds until the window ends, as seen from now by the server's clock; negative when it is over.
 */
double trail_client_resets_in(const struct trail_rate_view *rate, int64_t now_us);

#endif
