#include "engine_model.h"

#include <string.h>

#include "fuzz.h"

struct model_call *model_add(struct model *model, int client, struct trail_call *call) {
  struct model_call *record = &model->calls[model->call_count++];
  *record = (struct model_call){.call = call, .client = client};
  return record;
}

struct model_call *model_find(struct model *model, const struct trail_call *call) {
  for (int i = 0; i < model->call_count; i++)
    if (model->calls[i].call == call) return &model->calls[i];
  return NULL;
}

static bool is_unkeyed_write(const struct trail_call *call) {
  return !call->key_line && !trail_method_is_idempotent(call->method);
}

static unsigned most_attempts(const struct trail_call *call) {
  return call->retries + 1 + TRAIL_KEY_TRIES_MAX;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool has_key(const struct model_client *client, const char *text) {
  for (int i = 0; i < client->key_count; i++)
    if (strstr(text, client->keys[i])) return true;
  return false;
}

static bool holds_key(const struct model_client *client, struct trail_slice text) {
  for (int i = 0; i < client->key_count; i++)
    if (text.size && memmem(text.bytes, text.size, client->keys[i], strlen(client->keys[i])))
      return true;
  return false;
}

static void check_key(struct model *model, int client, const struct fake_attempt *attempt) {
  const struct model_client *own = &model->clients[client];
  const char *origin = own->client->origin.text;
  CHECK(strncmp(attempt->url, origin, strlen(origin)) == 0);
  CHECK(attempt->url[strlen(origin)] == '/');
  CHECK(attempt->authorization && has_key(own, attempt->authorization));
  for (int i = 0; i < MODEL_CLIENTS; i++)
    if (i != client) CHECK(!has_key(&model->clients[i], attempt->authorization));
  CHECK(!has_key(own, attempt->url) && !has_key(own, attempt->headers));
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* A probe counts from its answer on: of one whose answer never came nobody can know. */
static bool counts_in_window(const struct model_client *client, const struct model_call *record) {
  return client->client->defaults.paced && client->limit && !record->ticket.probe;
}

static void count_in_window(struct model_client *client, const struct model_call *record) {
  int64_t window = record->started_us / MODEL_WINDOW_US;
  if (client->window != window) client->counted = 0;
  client->window = window;
  if (counts_in_window(client, record)) CHECK(++client->counted <= client->limit);
}

static bool counts_in_ceiling(const struct model_client *client, const struct model_call *record) {
  const struct trail_client_options *options = &client->client->defaults;
  return options->paced && options->pacing.limit && options->pacing.window_ms &&
         record->ticket.own_began_ms >= 0;
}

/* Each window that the ceiling ever had, even where the next one began before it was over. */
static void count_in_ceiling(struct model_client *client, const struct model_call *record, int by) {
  const struct trail_pacer_config *config = &client->client->defaults.pacing;
  int64_t length_ms = config->window_ms, at_ms = record->started_us / 1000;
  if (!counts_in_ceiling(client, record)) return;
  struct model_window *last = client->windows + client->window_count;
  bool known = client->window_count && last[-1].began_ms == record->ticket.own_began_ms;
  if (by > 0 && !known && client->window_count < MODEL_WINDOWS) {
    *last = (struct model_window){.began_ms = record->ticket.own_began_ms};
    client->window_count++;
  }
  for (int i = 0; i < client->window_count; i++) {
    struct model_window *window = &client->windows[i];
    if (at_ms < window->began_ms || at_ms >= window->began_ms + length_ms) continue;
    window->sent += by;
    CHECK(window->sent <= (int)config->limit);
  }
}

/* Of a request that never left, both counts are given back. */
static void uncount(struct model_client *client, const struct model_call *record) {
  bool same = record->started_us / MODEL_WINDOW_US == client->window;
  if (same && counts_in_window(client, record)) client->counted--;
  count_in_ceiling(client, record, -1);
}

/* The origin's budget: 35 retries, and one more for every 14 successes. */
static void check_retry_budget(const struct model *model, int client) {
  unsigned retries = 0;
  for (int i = 0; i < model->call_count; i++) {
    const struct model_call *record = &model->calls[i];
    if (record->client == client && record->starts)
      retries += record->starts - 1 - record->call->key_tries;
  }
  CHECK(retries * TRAIL_RETRY_BUDGET_COST <=
        TRAIL_RETRY_BUDGET_TOKENS + model->clients[client].successes);
}

/* ---- attempts -------------------------------------------------------------------------------- */

static void check_begin(struct model *model, const struct fake_attempt *attempt) {
  struct trail_call *call = attempt->owner;
  struct model_call *record = model_find(model, call);
  CHECK(record != NULL && record->serial == 0);
  struct model_client *client = &model->clients[record->client];
  CHECK(call->state == TRAIL_CALL_IN_FLIGHT && call->started_us == model->now_us);
  CHECK(!record->may_have_acted || !is_unkeyed_write(call));
  CHECK(!is_unkeyed_write(call) || attempt->fresh_connection);
  record->succeeded = false;
  record->serial = attempt->serial;
  record->started_us = call->started_us;
  record->ticket = call->ticket;
  CHECK(++record->starts == call->attempts && record->starts <= most_attempts(call));
  CHECK(call->attempts - call->key_tries <= call->retries + 1);
  CHECK(call->started_us >= record->not_before_us && call->started_us < call->deadline_at_us);
  if (call->key_line) CHECK(strstr(attempt->headers, trail_call_idempotency_key(call)));
  check_key(model, record->client, attempt);
  count_in_window(client, record);
  count_in_ceiling(client, record, 1);
}

/* The engine has given attempts up. */
static void look_for_stopped(struct model *model) {
  for (int i = 0; i < model->call_count; i++) {
    struct model_call *record = &model->calls[i];
    if (!record->serial || fake_transport_find(model->fake, record->serial)) continue;
    record->serial = 0;
    if (record->reached) record->may_have_acted = true;
    if (!record->reached) uncount(&model->clients[record->client], record);
    record->reached = false;
  }
}

static void look_at_attempts(struct model *model) {
  unsigned latest = model->seen, under_way[MODEL_CLIENTS] = {0};
  for (const struct fake_attempt *at = model->fake->first; at; at = at->next) {
    if (at->fate == FAKE_FINISHED) continue;
    if (at->serial > model->seen) check_begin(model, at);
    if (at->serial > latest) latest = at->serial;
    under_way[model_find(model, at->owner)->client]++;
  }
  CHECK(latest == model->fake->started);
  model->seen = latest;
  for (int i = 0; i < MODEL_CLIENTS; i++) {
    const struct trail_client *client = model->clients[i].client;
    CHECK(under_way[i] <= client->defaults.concurrency);
    CHECK(client->lane.in_flight <= client->defaults.concurrency);
  }
}

static bool is_whole(const struct trail_answer *answer) {
  return answer->failure == TRAIL_OK && answer->head.complete;
}

void model_reach(struct model *model, const struct fake_attempt *attempt) {
  struct model_call *record = model_find(model, attempt->owner);
  record->reached = attempt->answer.sent;
  if (attempt->answer.head.complete && attempt->answer.head.status / 100 == 2)
    record->saw_2xx = true;
}

void model_finish(struct model *model, const struct fake_attempt *attempt) {
  const struct trail_answer *answer = &attempt->answer;
  struct model_call *record = model_find(model, attempt->owner);
  struct model_client *client = &model->clients[record->client];
  model_reach(model, attempt);
  bool rejected = is_whole(answer) && answer->head.status == 401;
  if (answer->sent && !rejected) record->may_have_acted = true;
  record->succeeded = is_whole(answer) && answer->head.status / 100 == 2;
  if (record->succeeded) client->successes++;
  if (!answer->sent) uncount(client, record);
  record->reached = false;
  record->serial = 0;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void check_alive(const struct model *model, const struct trail_call *call) {
  CHECK(call->deadline_at_us > model->now_us);
  CHECK(call->timer.place != TRAIL_TIMER_UNSET && call->timer.at_us <= call->deadline_at_us);
  if (call->state != TRAIL_CALL_IN_FLIGHT) return;
  CHECK(call->transfer != NULL && call->started_us + call->timeout_us > model->now_us);
}

static void check_result(const struct model *model, const struct model_call *record) {
  const struct trail_call *call = record->call;
  const struct trail_answer *answer = &call->answer;
  CHECK(call->attempts == record->starts && !call->admitted && !call->transfer);
  if (call->result == TRAIL_OK) CHECK(record->succeeded && call->outcome == TRAIL_OUTCOME_DONE);
  if (record->saw_2xx) CHECK(call->outcome == TRAIL_OUTCOME_DONE);
  if (record->starts == 0) CHECK(call->outcome == TRAIL_OUTCOME_NOT_SENT);
  if (is_unkeyed_write(call) && call->repeatable) CHECK(call->outcome <= TRAIL_OUTCOME_REJECTED);
  if (call->result == TRAIL_OK) return;
  const struct model_client *client = &model->clients[record->client];
  CHECK(!holds_key(client, trail_buffer_slice(&answer->body)));
  CHECK(!holds_key(client, trail_buffer_slice(&answer->head.fields)));
  CHECK(!answer->message || !has_key(client, answer->message));
  CHECK(call->authorization == NULL);
}

static void take_listed(struct model *model) {
  for (struct trail_call *call; (call = trail_engine_next_finished(model->engine));) {
    struct model_call *record = model_find(model, call);
    CHECK(record && !record->listed && call->state == TRAIL_CALL_DONE);
    record->listed = true;
    check_result(model, record);
    trail_call_release(call);
  }
}

static void take_events(struct model_client *client) {
  for (const struct trail_event *event; (event = trail_events_next(&client->client->events));) {
    CHECK(!has_key(client, event->url) && !has_key(client, event->request_id));
    if (event->type == TRAIL_EVENT_REQUEST) client->requests_told++;
  }
}

static void check_wake(const struct model *model) {
  int64_t wake_us = trail_engine_wake_us(model->engine);
  if (trail_engine_live(model->engine) == 0)
    CHECK(wake_us == TRAIL_NEVER);
  else
    CHECK(wake_us != TRAIL_NEVER);
}

void model_check(struct model *model) {
  size_t live = 0;
  look_for_stopped(model);
  look_at_attempts(model);
  take_listed(model);
  for (int i = 0; i < MODEL_CLIENTS; i++) {
    struct model_client *client = &model->clients[i];
    take_events(client);
    CHECK(client->client->events.dropped == 0);
    check_retry_budget(model, i);
  }
  for (int i = 0; i < model->call_count; i++) {
    const struct model_call *record = &model->calls[i];
    bool done = record->call->state == TRAIL_CALL_DONE;
    CHECK(!record->call->announced || done == record->listed);
    if (!done) live++;
  }
  CHECK(live == trail_engine_live(model->engine));
  check_wake(model);
}

void model_check_turn(struct model *model) {
  model_check(model);
  for (int i = 0; i < model->call_count; i++)
    if (model->calls[i].call->state != TRAIL_CALL_DONE) check_alive(model, model->calls[i].call);
}

void model_check_end(struct model *model) {
  unsigned starts[MODEL_CLIENTS] = {0};
  CHECK(trail_engine_live(model->engine) == 0);
  for (int i = 0; i < model->call_count; i++) {
    struct model_call *record = &model->calls[i];
    CHECK(record->call->state == TRAIL_CALL_DONE);
    CHECK(record->listed == record->call->announced);
    check_result(model, record);
    starts[record->client] += record->starts;
  }
  for (int i = 0; i < MODEL_CLIENTS; i++) {
    const struct model_client *client = &model->clients[i];
    CHECK(client->requests_told == starts[i]);
    CHECK(client->client->lane.in_flight == 0 && client->client->lane.queued == 0);
    CHECK(client->client->live == 0 && !client->client->lane.listed);
  }
}
