/* What happened to a client's calls, kept until somebody outside the engine reads it.
 *
 * A ring of bounded size: when nobody reads, the newest are dropped and counted, never the memory
 * filled. A record holds copies, so it outlives its call. With recording off nothing is allocated.
 */
#ifndef TRAIL_ENGINE_EVENTS_H
#define TRAIL_ENGINE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "policy/field.h"
#include "policy/method.h"

#define TRAIL_EVENTS_KEPT 256
#define TRAIL_EVENT_URL 256

#define TRAIL_EVENT_LIST(X) \
  X(REQUEST, "request")     \
  X(RESPONSE, "response")   \
  X(RETRY, "retry")         \
  X(PACE, "pace")           \
  X(KEY, "key")             \
  X(ERROR, "error")

enum trail_event_type {
#define TRAIL_EVENT_ENUM(name, text) TRAIL_EVENT_##name,
  TRAIL_EVENT_LIST(TRAIL_EVENT_ENUM)
#undef TRAIL_EVENT_ENUM
      TRAIL_EVENT_COUNT
};

struct trail_event {
  enum trail_event_type type;
  enum trail_status kind; /* TRAIL_OK: nothing went wrong */
  enum trail_method method;
  int http_status; /* 0: none */
  uint32_t attempt;
  uint64_t id;          /* of the call, unique in the process */
  int64_t time_wall_ms; /* Unix time */
  int64_t wait_us;      /* retry, pace: how long it is going to wait */
  int64_t elapsed_us;   /* response: of the attempt; error: of the call */
  bool has_rate;        /* response: the answer carried the rate-limit fields */
  struct trail_rate_fields rate;
  char url[TRAIL_EVENT_URL]; /* without query; cut where longer */
  char request_id[129];
  char reason[160]; /* pace: why the budget is not shared */
};

struct trail_events {
  struct trail_event *ring; /* NULL: recording is off */
  unsigned first, count;
  uint64_t dropped; /* since the last one read */
};

TRAIL_MUST_USE enum trail_status trail_events_init(struct trail_events *events, bool record);
void trail_events_clear(struct trail_events *events);

/* A place to fill, or NULL when there is none or recording is off. */
struct trail_event *trail_events_add(struct trail_events *events, enum trail_event_type type);
/* The oldest; it is valid until the next `add`. NULL when there is none. */
const struct trail_event *trail_events_first(const struct trail_events *events);
const struct trail_event *trail_events_next(struct trail_events *events);

const char *trail_event_name(enum trail_event_type type);

#endif
