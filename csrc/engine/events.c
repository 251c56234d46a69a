#include "engine/events.h"

#include <stddef.h>
#include <string.h>

#include "base/memory.h"

static const char *const names[] = {
#define TRAIL_EVENT_NAME(name, text) text,
    TRAIL_EVENT_LIST(TRAIL_EVENT_NAME)
#undef TRAIL_EVENT_NAME
};

enum trail_status trail_events_init(struct trail_events *events, bool record) {
  memset(events, 0, sizeof *events);
  if (!record) return TRAIL_OK;
  events->ring = trail_memory_zalloc(TRAIL_EVENTS_KEPT, sizeof *events->ring);
  return events->ring ? TRAIL_OK : TRAIL_NO_MEMORY;
}

void trail_events_clear(struct trail_events *events) {
  trail_memory_free(events->ring);
  memset(events, 0, sizeof *events);
}

struct trail_event *trail_events_add(struct trail_events *events, enum trail_event_type type) {
  if (!events->ring) return NULL;
  if (events->count == TRAIL_EVENTS_KEPT) {
    events->dropped++;
    return NULL;
  }
  unsigned place = (events->first + events->count++) % TRAIL_EVENTS_KEPT;
  struct trail_event *event = &events->ring[place];
  memset(event, 0, offsetof(struct trail_event, url));
  event->url[0] = event->request_id[0] = event->reason[0] = '\0';
  event->type = type;
  return event;
}

const struct trail_event *trail_events_first(const struct trail_events *events) {
  return events->count ? &events->ring[events->first] : NULL;
}

const struct trail_event *trail_events_next(struct trail_events *events) {
  const struct trail_event *event = trail_events_first(events);
  if (!event) return NULL;
  events->first = (events->first + 1) % TRAIL_EVENTS_KEPT;
  events->count--;
  return event;
}

const char *trail_event_name(enum trail_event_type type) {
  return (unsigned)type < TRAIL_EVENT_COUNT ? names[type] : "unknown";
}
