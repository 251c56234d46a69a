#include "engine/guest.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/desk.h"

struct trail_guest {
  struct trail_errand close, answered, deaf;
  char *key_name;
  /* Under the lock: */
  struct trail_client_view view;
  struct trail_events events;
  enum trail_key_verdict question; /* GIVE_UP: none that nobody has taken */
  enum trail_key_verdict taken;
  struct trail_guest_problem problem;
  unsigned live;
  uint64_t closer;
};

static void look(struct trail_client *client, int64_t now_us, struct trail_client_view *view) {
  const struct trail_keyring *keyring = &client->keyring;
  *view = (struct trail_client_view){
      .rate = client->rate,
      .budget_us = now_us,
      .queued = client->lane.queued,
      .key_source = keyring->source,
      .key_name = keyring->name,
      .key_swapped = keyring->swapped,
      .key_prefixed = keyring->current.prefixed,
      .key_modified = keyring->file.modified.tv_sec,
      .key_problem = keyring->file.problem,
  };
  memcpy(view->key_last4, keyring->current.last4, sizeof view->key_last4);
  if (!client->pace_store) return;
  view->shared = trail_pace_store_describe(client->pace_store).shared;
  trail_pacer_view(trail_pace_store_state(client->pace_store), &client->defaults.pacing, now_us,
                   &view->budget);
  view->budget_known = view->budget.known && view->budget.server;
}

void trail_guest_look(struct trail_client *client, int64_t now_us, struct trail_client_view *view) {
  struct trail_guest *guest = client->guest;
  if (!guest) {
    look(client, now_us, view);
    return;
  }
  trail_desk_lock();
  *view = guest->view;
  trail_desk_unlock();
}

/* ---- of the Lua thread ----------------------------------------------------------------------- */

static void destroy(struct trail_guest *guest) {
  trail_events_clear(&guest->events);
  trail_memory_free(guest->key_name);
  trail_memory_free(guest);
}

enum trail_status trail_guest_create(struct trail_client *client) {
  if (client->guest) return TRAIL_OK;
  struct trail_guest *guest = trail_memory_zalloc(1, sizeof *guest);
  const char *name = client->keyring.name;
  if (!guest) return TRAIL_NO_MEMORY;
  if (trail_events_init(&guest->events, client->events.ring != NULL) != TRAIL_OK ||
      (name && !(guest->key_name = trail_memory_copy(name, strlen(name))))) {
    destroy(guest);
    return TRAIL_NO_MEMORY;
  }
  look(client, 0, &guest->view);
  guest->view.key_name = guest->key_name;
  client->guest = guest;
  client->destroy_guest = destroy;
  return TRAIL_OK;
}

struct trail_errand *trail_guest_errand(struct trail_client *client, enum trail_errand_kind kind) {
  struct trail_guest *guest = client->guest;
  if (kind == TRAIL_ERRAND_CLOSE) return &guest->close;
  return kind == TRAIL_ERRAND_DEAF ? &guest->deaf : &guest->answered;
}

static struct trail_events *events_of(struct trail_client *client) {
  return client->guest ? &client->guest->events : &client->events;
}

bool trail_guest_first_event(struct trail_client *client, struct trail_event *event,
                             uint64_t *dropped) {
  const struct trail_events *events = events_of(client);
  trail_desk_lock();
  const struct trail_event *oldest = trail_events_first(events);
  if (oldest) *event = *oldest;
  *dropped = events->dropped;
  trail_desk_unlock();
  return oldest != NULL;
}

void trail_guest_end_event(struct trail_client *client, uint64_t dropped) {
  struct trail_events *events = events_of(client);
  trail_desk_lock();
  (void)trail_events_next(events);
  events->dropped -= dropped;
  trail_desk_unlock();
}

enum trail_key_verdict trail_guest_take_question(struct trail_client *client) {
  struct trail_guest *guest = client->guest;
  trail_desk_lock();
  enum trail_key_verdict question = guest->question;
  if (question != TRAIL_KEY_GIVE_UP) guest->taken = question;
  guest->question = TRAIL_KEY_GIVE_UP;
  trail_desk_unlock();
  return question;
}

void trail_guest_give_question_back(struct trail_client *client) {
  struct trail_guest *guest = client->guest;
  trail_desk_lock();
  if (guest->question == TRAIL_KEY_GIVE_UP) guest->question = guest->taken;
  trail_desk_unlock();
}

void trail_guest_answer_question(struct trail_client *client, const char *problem) {
  struct trail_guest *guest = client->guest;
  trail_desk_lock();
  guest->taken = TRAIL_KEY_GIVE_UP;
  snprintf(guest->problem.text, sizeof guest->problem.text, "%s", problem ? problem : "");
  trail_desk_unlock();
}

bool trail_guest_has_news(struct trail_client *client) {
  const struct trail_guest *guest = client->guest;
  trail_desk_lock();
  bool news = guest->question != TRAIL_KEY_GIVE_UP || guest->events.count > 0;
  trail_desk_unlock();
  return news;
}

unsigned trail_guest_live(struct trail_client *client) {
  if (!client->guest) return (unsigned)client->live;
  trail_desk_lock();
  unsigned live = client->guest->live;
  trail_desk_unlock();
  return live;
}

void trail_guest_count_up_locked(struct trail_client *client) { client->guest->live++; }

void trail_guest_set_closer(struct trail_client *client, uint64_t waiter) {
  trail_desk_lock();
  client->guest->closer = waiter;
  trail_desk_unlock();
}

uint64_t trail_guest_closer(struct trail_client *client) {
  trail_desk_lock();
  uint64_t closer = client->guest->closer;
  trail_desk_unlock();
  return closer;
}

/* ---- of the worker --------------------------------------------------------------------------- */

/* Usually the one ring is empty, and the two change places. */
static void pass_events(struct trail_events *from, struct trail_events *to) {
  if (to->count == 0) {
    struct trail_events empty = *to;
    uint64_t dropped = to->dropped;
    *to = *from;
    to->dropped += dropped;
    *from = (struct trail_events){.ring = empty.ring};
    return;
  }
  for (const struct trail_event *event; (event = trail_events_next(from));) {
    struct trail_event *place = trail_events_add(to, event->type);
    if (place) *place = *event;
  }
  to->dropped += from->dropped;
  from->dropped = 0;
}

bool trail_guest_note(struct trail_client *client, int64_t now_us) {
  struct trail_guest *guest = client->guest;
  struct trail_client_view view;
  bool events = client->events.count > 0;
  look(client, now_us, &view);
  trail_desk_lock();
  view.key_name = view.key_name ? guest->key_name : NULL;
  guest->view = view;
  if (events) pass_events(&client->events, &guest->events);
  trail_desk_unlock();
  return events;
}

void trail_guest_put_question(struct trail_client *client, enum trail_key_verdict question) {
  trail_desk_lock();
  client->guest->question = question;
  trail_desk_unlock();
}

bool trail_guest_asks(struct trail_client *client) {
  trail_desk_lock();
  bool asks = client->guest->question != TRAIL_KEY_GIVE_UP;
  trail_desk_unlock();
  return asks;
}

void trail_guest_read_problem(struct trail_client *client, struct trail_guest_problem *problem) {
  trail_desk_lock();
  *problem = client->guest->problem;
  trail_desk_unlock();
}

uint64_t trail_guest_count_down(struct trail_client *client) {
  trail_desk_lock();
  uint64_t closer = --client->guest->live == 0 ? client->guest->closer : 0;
  trail_desk_unlock();
  return closer;
}
