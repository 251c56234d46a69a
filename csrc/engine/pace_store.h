/* Where a pacing state lives, and who shares it.
 *
 * All processes of one user on one machine with the same origin and key (or scope) share one state;
 * a client that wants its own, or a machine that cannot share, has one in this process. The state's
 * words are policy/pacer's; a store only finds them. Nothing here waits, and nothing is locked:
 * what a killed process leaves behind is a state that works.
 *
 * One thread at a time uses a store; the state behind it belongs to everybody.
 */
#ifndef TRAIL_ENGINE_PACE_STORE_H
#define TRAIL_ENGINE_PACE_STORE_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"
#include "policy/pacer.h"

struct trail_pace_store;

struct trail_pace_options {
  bool shared;               /* false: this client's alone */
  struct trail_slice origin; /* "https://api.trailmark.com" */
  struct trail_slice scope;  /* names the budget; empty: the key does */
  const char *folder;        /* NULL: /dev/shm; for specs */
};

struct trail_pace_description {
  bool shared;     /* by the processes of this user */
  const char *why; /* why not, although it was wanted: a sentence for people; NULL otherwise */
};

/* What cannot be shared falls back to this process, with a reason in the description;
 * TRAIL_NO_MEMORY is the only failure. The key is digested, never kept. */
TRAIL_MUST_USE enum trail_status trail_pace_store_open(const struct trail_pace_options *options,
                                                       struct trail_slice key,
                                                       struct trail_pace_store **out);
void trail_pace_store_close(struct trail_pace_store *store); /* NULL is legal */

/* Valid until the next alias or close. */
struct trail_pace *trail_pace_store_state(const struct trail_pace_store *store);

/* A replacement key spends from the same budget: processes that start later and know only the new
 * key find this state too. Where the new key has one already, both become one, and the state
 * changes. */
void trail_pace_store_alias(struct trail_pace_store *store, struct trail_slice key);

struct trail_pace_description trail_pace_store_describe(const struct trail_pace_store *store);

#endif
