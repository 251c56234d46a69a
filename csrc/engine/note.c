#include "engine/note.h"

#include <string.h>

#include "base/clock.h"

static void copy_cut(char *to, size_t room, const char *from, size_t size) {
  if (size >= room) size = room - 1;
  memcpy(to, from, size);
  to[size] = '\0';
}

static struct trail_event *note(struct trail_engine *engine, struct trail_call *call,
                                enum trail_event_type type, enum trail_status kind) {
  struct trail_event *event = trail_events_add(&call->client->events, type);
  if (!event) return NULL;
  engine->noted = true;
  event->kind = kind;
  event->method = call->method;
  event->attempt = call->attempts;
  event->id = call->id;
  event->time_wall_ms = trail_clock_wall_ms();
  copy_cut(event->url, sizeof event->url, call->url, call->path_at + call->path_size);
  return event;
}

void trail_note_response(struct trail_engine *engine, struct trail_call *call,
                         enum trail_status kind, int64_t now_us) {
  struct trail_event *event = note(engine, call, TRAIL_EVENT_RESPONSE, kind);
  if (!event) return;
  event->http_status = call->answer.head.status;
  event->elapsed_us = now_us - call->started_us;
  event->has_rate = call->facts.has_rate;
  event->rate = call->facts.rate;
  struct trail_slice id = call->facts.request_id;
  if (id.size) copy_cut(event->request_id, sizeof event->request_id, id.bytes, id.size);
}

void trail_note_retry(struct trail_engine *engine, struct trail_call *call, enum trail_status kind,
                      int64_t wait_us) {
  struct trail_event *event = note(engine, call, TRAIL_EVENT_RETRY, kind);
  if (!event) return;
  event->http_status = call->answer.head.status;
  event->wait_us = wait_us;
}

void trail_note_error(struct trail_engine *engine, struct trail_call *call) {
  struct trail_event *event = note(engine, call, TRAIL_EVENT_ERROR, call->result);
  if (!event) return;
  event->http_status = call->answer.head.status;
  event->elapsed_us = call->done_us - call->submitted_us;
}

void trail_note_request(struct trail_engine *engine, struct trail_call *call) {
  note(engine, call, TRAIL_EVENT_REQUEST, TRAIL_OK);
}

void trail_note_pace(struct trail_engine *engine, struct trail_call *call, int64_t wait_us) {
  struct trail_event *event = note(engine, call, TRAIL_EVENT_PACE, TRAIL_OK);
  if (event) event->wait_us = wait_us;
}

void trail_note_unshared(struct trail_engine *engine, struct trail_call *call, const char *why) {
  struct trail_event *event = note(engine, call, TRAIL_EVENT_PACE, TRAIL_OK);
  if (event) copy_cut(event->reason, sizeof event->reason, why, strlen(why));
}

void trail_note_key(struct trail_engine *engine, struct trail_call *call) {
  struct trail_event *event = note(engine, call, TRAIL_EVENT_KEY, TRAIL_OK);
  if (event) event->http_status = call->answer.head.status;
}
