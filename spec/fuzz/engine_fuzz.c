/* The engine, over the fake transport and a clock moved by hand: the input is what happens to it.
 *
 * Its first four bytes are the settings of two clients, one with a key of its own and a server
 * that tells its limit, one with functions for keys and a ceiling of the caller's. Each byte
 * behind them is a step, in its low five bits (so a letter is the step that STEPS names it for),
 * and an argument in its high three: with an odd one, as small letters have, the engine gets a
 * turn behind the step. What must hold is in engine_model.h.
 */
#include <stdio.h>
#include <time.h>

#include "engine_model.h"
#include "fuzz.h"

enum { KEY_LENGTH = 24, SETTLE_TURNS = 20000 };

/* In place of those of base/, by the linker's --wrap. */
static int64_t now_us;
static uint32_t chance;

uint32_t __wrap_trail_random_u32(void);
uint32_t __wrap_trail_random_u32(void) { return chance = chance * 1664525u + 1013904223u; }

int64_t __wrap_trail_clock_boot_us(void);
int64_t __wrap_trail_clock_boot_us(void) { return now_us; }

enum { WALL_S = 1750000000 };

int64_t __wrap_trail_clock_wall_ms(void);
int64_t __wrap_trail_clock_wall_ms(void) { return WALL_S * INT64_C(1000) + now_us / 1000; }

struct world {
  struct model model;
  struct trail_slice steps;
  uint8_t settings[4];
};

static const char keys[MODEL_CLIENTS][MODEL_KEYS][KEY_LENGTH] = {
    {"tm_live_first_a", "tm_live_first_b", "tm_live_first_c", "tm_live_first_d"},
    {"oauth_second_a", "oauth_second_b", "oauth_second_c", "oauth_second_d"},
};

static unsigned take(struct world *world) {
  if (!world->steps.size) return 0;
  unsigned byte = (uint8_t)world->steps.bytes[0];
  world->steps = trail_slice_from(world->steps, 1);
  return byte;
}

/* ---- the beginning --------------------------------------------------------------------------- */

static const int64_t deadlines_us[] = {500000,   5000000,   20000000,  90000000,
                                       90000000, 200000000, 900000000, 3600000000};

static void give_key(struct world *world, int client, bool fallback, unsigned which) {
  struct model_client *to = &world->model.clients[client];
  const char *key = keys[client][which & 3];
  struct trail_key_fault fault;
  enum trail_key_source source = client ? TRAIL_KEY_FUNCTION : TRAIL_KEY_OPTION;
  struct trail_keyring *ring = &to->client->keyring;
  enum trail_status status = fallback
                                 ? trail_keyring_set_fallback(ring, trail_slice_text(key), &fault)
                                 : trail_keyring_set(ring, source, trail_slice_text(key), &fault);
  CHECK(status == TRAIL_OK);
  for (int i = 0; i < to->key_count; i++)
    if (to->keys[i] == key) return;
  to->keys[to->key_count++] = key;
}

static void open_client(struct world *world, int which) {
  struct model_client *to = &world->model.clients[which];
  const uint8_t *byte = world->settings + 2 * which;
  const char *why = NULL;
  struct trail_client_options options = {
      .base_url = which ? "http://127.0.0.1:9" : "https://api.test/v1",
      .headers = {"Accept: application/json\0", 26},
      .json_headers = {"Content-Type: application/json\0", 32},
      .timeout_us = 10000000,
      .connect_timeout_us = 5000000,
      .deadline_us = deadlines_us[byte[1] >> 5],
      .retries = byte[0] & 3,
      .backoff = {500, 8000},
      .concurrency = 1 + (byte[0] >> 2 & 3),
      .max_response_bytes = 4096,
      .events = true,
      .paced = byte[0] >> 4 & 1,
      .pacing = {.limit = 4 + (byte[1] & 31),
                 .window_ms = which ? 5000 : 0,
                 .spread = TRAIL_PACER_DEFAULT_SPREAD},
      .priority = TRAIL_PACER_NORMAL,
  };
  CHECK(trail_client_create(&options, &to->client, &why) == TRAIL_OK);
  trail_retry_budget_init(to->client->retry_budget);
  to->limit = which ? 0 : options.pacing.limit;
  if (which && byte[1] & 1)
    trail_keyring_use_function(&to->client->keyring);
  else
    give_key(world, which, false, 0);
  if (byte[0] & 32) give_key(world, which, true, 1);
  to->client->keyring.fallback_asks = which && byte[0] & 64;
}

static void open_world(struct world *world) {
  now_us = 20 * INT64_C(1000000);
  chance = 1;
  for (int i = 0; i < 4; i++) world->settings[i] = (uint8_t)take(world);
  world->model.now_us = now_us;
  world->model.fake = fake_transport_create();
  CHECK(trail_engine_create(&world->model.fake->base, &world->model.engine) == TRAIL_OK);
  for (int i = 0; i < MODEL_CLIENTS; i++) open_client(world, i);
}

static void turn(struct world *world) {
  trail_engine_advance(world->model.engine, now_us);
  model_check_turn(&world->model);
}

/* ---- what callers do ------------------------------------------------------------------------- */

static void submit(struct world *world, unsigned argument) {
  static const enum trail_method methods[] = {TRAIL_METHOD_GET, TRAIL_METHOD_POST,
                                              TRAIL_METHOD_POST, TRAIL_METHOD_PUT};
  struct model *model = &world->model;
  unsigned byte = take(world);
  int which = byte & 1;
  struct trail_call *call;
  struct trail_client *client = model->clients[which].client;
  if (model->call_count == MODEL_CALLS) return;
  bool keyed = (byte >> 1 & 3) == 1;
  struct trail_call_spec spec = {
      .method = methods[byte >> 1 & 3],
      .target = trail_slice_text("/v1/contacts?x=1"),
      .has_body = byte >> 1 & 3,
      .body = trail_slice_text("{}"),
      .json = byte >> 1 & 3,
      .idempotency_key = trail_slice_text(keyed ? "order-66" : ""),
      .timeout_us = client->defaults.timeout_us,
      .deadline_us = client->defaults.deadline_us,
      .retries = client->defaults.retries,
      .priority = (enum trail_pacer_priority)((byte >> 3 & 3) % 3),
  };
  CHECK(trail_call_create(client, &spec, &call) == TRAIL_OK);
  model_add(model, which, call);
  if (argument & 2) CHECK(trail_engine_announce(model->engine, call));
  CHECK(trail_engine_submit(model->engine, call, now_us) == TRAIL_OK);
}

static struct trail_call *some_call(struct world *world) {
  unsigned byte = take(world);
  int count = world->model.call_count;
  return count ? world->model.calls[byte % (unsigned)count].call : NULL;
}

static void cancel(struct world *world, unsigned argument) {
  static const enum trail_status whys[] = {TRAIL_CANCELLED, TRAIL_TIMEOUT, TRAIL_CLOSED};
  struct trail_call *call = some_call(world);
  if (call) trail_engine_cancel(world->model.engine, call, whys[(argument >> 1) % 3], now_us);
}

static void drop(struct world *world, unsigned argument) {
  struct trail_call *call = some_call(world);
  (void)argument;
  if (call) trail_engine_drop(world->model.engine, call, now_us);
}

static void announce(struct world *world, unsigned argument) {
  trail_engine_announce_all(world->model.engine, world->model.clients[argument >> 2].client);
}

static void close_client(struct world *world, unsigned argument) {
  struct trail_client *client = world->model.clients[argument >> 2].client;
  trail_engine_cancel_client(world->model.engine, client, TRAIL_CLOSED, now_us);
  CHECK(client->live == 0);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void set_key(struct world *world, unsigned argument) {
  give_key(world, 0, argument >> 2, take(world));
}

/* Somebody is asked for a key: gives one, none, or the question back. */
static void answer_question(struct world *world, unsigned argument) {
  struct trail_client *client = world->model.clients[1].client;
  struct trail_engine *engine = world->model.engine;
  unsigned byte = take(world);
  enum trail_key_verdict question = trail_engine_key_take(engine, client);
  if (question == TRAIL_KEY_GIVE_UP) return;
  CHECK(trail_engine_key_question(client) == TRAIL_KEY_GIVE_UP);
  if (argument == 6) {
    trail_engine_key_deaf(engine, client, now_us);
  } else if (argument == 2) {
    trail_engine_key_give_back(engine, client);
    CHECK(trail_engine_key_question(client) == question);
  } else {
    if (byte & 4) give_key(world, 1, question == TRAIL_KEY_ASK_FALLBACK, byte);
    if (byte & 4) trail_keyring_keep_until(&client->keyring, byte & 8 ? INT64_MAX : now_us);
    trail_engine_key_answered(engine, client, byte & 4 ? NULL : "the vault is shut", now_us);
  }
}

/* ---- what servers and networks do ------------------------------------------------------------ */

static struct fake_attempt *some_attempt(struct world *world) {
  struct fake_attempt *list[MODEL_CALLS];
  unsigned byte = take(world), count = 0;
  for (struct fake_attempt *at = world->model.fake->first; at; at = at->next)
    if (at->fate != FAKE_FINISHED) list[count++] = at;
  return count ? list[byte % count] : NULL;
}

static void head_line(struct trail_answer *answer, const char *line) {
  const char *why;
  CHECK(trail_head_line(&answer->head, line, strlen(line), &why) == TRAIL_OK);
}

/* The server of the first client counts what came in a window, and tells it in every answer; that
 * of the second tells nothing. */
static void tell_rate(struct world *world, struct fake_attempt *attempt) {
  char line[128];
  struct model_call *record = model_find(&world->model, attempt->owner);
  struct model_client *client = &world->model.clients[record->client];
  int64_t window = record->started_us / MODEL_WINDOW_US;
  if (!client->limit || client->window != window) return;
  unsigned counted = client->counted + record->ticket.probe;
  unsigned left = counted < client->limit ? client->limit - counted : 0;
  snprintf(line, sizeof line, "X-RateLimit-Limit: %u\r\n", client->limit);
  head_line(&attempt->answer, line);
  snprintf(line, sizeof line, "X-RateLimit-Remaining: %u\r\n", left);
  head_line(&attempt->answer, line);
  snprintf(line, sizeof line, "X-RateLimit-Reset: %lld\r\n",
           (long long)((window + 1) * (MODEL_WINDOW_US / 1000000)));
  head_line(&attempt->answer, line);
}

/* The server's clock is not ours, and its Date is of the moment of arrival. */
static void tell_date(struct world *world, struct fake_attempt *attempt) {
  char text[64], line[96];
  struct model_call *record = model_find(&world->model, attempt->owner);
  time_t at = (time_t)(record->started_us / 1000000);
  struct tm parts;
  CHECK(gmtime_r(&at, &parts) != NULL);
  strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  snprintf(line, sizeof line, "Date: %s\r\n", text);
  head_line(&attempt->answer, line);
}

static void begin_answer(struct world *world, struct fake_attempt *attempt, int status) {
  char line[64];
  snprintf(line, sizeof line, "HTTP/1.1 %d Whatever\r\n", status);
  attempt->answer.sent = true;
  if (attempt->answer.head.status) return; /* it has begun before */
  head_line(&attempt->answer, line);
  tell_date(world, attempt);
  tell_rate(world, attempt);
}

/* Of what it has told nothing counts before the blank line, so a probe does not, either. */
static void end_head(struct world *world, struct fake_attempt *attempt) {
  struct model_call *record = model_find(&world->model, attempt->owner);
  struct model_client *client = &world->model.clients[record->client];
  if (attempt->answer.head.complete) return;
  head_line(&attempt->answer, "\r\n");
  if (!record->ticket.probe || record->started_us / MODEL_WINDOW_US != client->window) return;
  record->ticket.probe = false;
  client->counted++;
}

static void finish(struct world *world, struct fake_attempt *attempt) {
  model_finish(&world->model, attempt);
  fake_transport_finish(world->model.fake, attempt);
}

static void answer(struct world *world, int status, unsigned retry_after) {
  char line[64];
  struct fake_attempt *attempt = some_attempt(world);
  if (!attempt) return;
  begin_answer(world, attempt, status);
  bool asks = retry_after && !attempt->answer.head.complete;
  snprintf(line, sizeof line, "Retry-After: %u\r\n", retry_after);
  if (asks) head_line(&attempt->answer, line);
  end_head(world, attempt);
  if (asks && attempt->answer.head.status == status)
    model_find(&world->model, attempt->owner)->not_before_us = now_us + retry_after * 1000000;
  finish(world, attempt);
}

static void answer_ok(struct world *world, unsigned argument) {
  answer(world, argument & 4 ? 204 : 200, 0);
}

static void answer_busy(struct world *world, unsigned argument) {
  answer(world, 429, 1u << (argument >> 1));
}

static void answer_failed(struct world *world, unsigned argument) {
  answer(world, argument & 4 ? 500 : 503, argument & 2);
}

static void answer_unauthorized(struct world *world, unsigned argument) {
  (void)argument;
  answer(world, 401, 0);
}

static void answer_refused(struct world *world, unsigned argument) {
  static const int statuses[] = {400, 404, 409, 408};
  answer(world, statuses[argument >> 1], 0);
}

/* An error that sends the key back. */
static void answer_echo(struct world *world, unsigned argument) {
  struct fake_attempt *attempt = some_attempt(world);
  if (!attempt) return;
  begin_answer(world, attempt, argument & 4 ? 200 : 400);
  if (!attempt->answer.head.complete) {
    char line[128];
    snprintf(line, sizeof line, "X-Echo: %s\r\n", attempt->authorization);
    head_line(&attempt->answer, line);
  }
  end_head(world, attempt);
  CHECK(trail_buffer_append_text(&attempt->answer.body, attempt->authorization) == TRAIL_OK);
  finish(world, attempt);
}

static void fail(struct world *world, enum trail_status failure, bool sent, bool cut) {
  struct fake_attempt *attempt = some_attempt(world);
  if (!attempt) return;
  struct trail_answer *is = &attempt->answer;
  is->failure = failure;
  is->sent = sent || is->sent;
  is->cut = cut;
  trail_answer_say(is, attempt->authorization);
  finish(world, attempt);
}

static void break_off(struct world *world, unsigned argument) {
  fail(world, argument & 4 ? TRAIL_PROTOCOL : TRAIL_NETWORK, true, argument & 2);
}

static void refuse_connection(struct world *world, unsigned argument) {
  static const enum trail_status kinds[] = {TRAIL_NETWORK, TRAIL_TIMEOUT, TRAIL_TLS, TRAIL_NETWORK};
  fail(world, kinds[argument >> 1], false, false);
}

static void overflow(struct world *world, unsigned argument) {
  fail(world, argument & 4 ? TRAIL_TOO_LARGE : TRAIL_NO_MEMORY, true, false);
}

/* Some way, and no further for now. */
static void reach(struct world *world, unsigned argument) {
  struct fake_attempt *attempt = some_attempt(world);
  if (!attempt) return;
  attempt->answer.sent = true;
  if (argument & 2) begin_answer(world, attempt, 200);
  if ((argument & 6) == 6) end_head(world, attempt);
  model_reach(&world->model, attempt);
}

static void refuse_starts(struct world *world, unsigned argument) {
  static const enum trail_status kinds[] = {TRAIL_OK, TRAIL_NO_MEMORY, TRAIL_CONFIG, TRAIL_OK};
  world->model.fake->refuse = kinds[argument >> 1];
}

/* ---- time ------------------------------------------------------------------------------------ */

static void move_to(struct world *world, int64_t at_us) {
  if (at_us > now_us) now_us = at_us;
  world->model.now_us = now_us;
}

static void pass(struct world *world, unsigned argument) {
  static const int64_t steps_us[] = {1000, 5000, 250000, 1000000};
  move_to(world, now_us + steps_us[argument >> 1] * (1 + take(world) % 16));
}

static void sleep_on(struct world *world, unsigned argument) {
  int64_t wake_us = trail_engine_wake_us(world->model.engine);
  (void)argument;
  if (wake_us != TRAIL_NEVER) move_to(world, wake_us);
}

/* ---- the steps ------------------------------------------------------------------------------- */

static void nothing(struct world *world, unsigned argument) { (void)world, (void)argument; }

typedef void step(struct world *world, unsigned argument);

static step *const steps[32] = {
    ['a' & 31] = announce,
    ['b' & 31] = break_off,
    ['c' & 31] = cancel,
    ['d' & 31] = drop,
    ['e' & 31] = answer_echo,
    ['f' & 31] = answer_failed,
    ['h' & 31] = reach,
    ['k' & 31] = set_key,
    ['l' & 31] = answer_busy,
    ['m' & 31] = refuse_starts,
    ['n' & 31] = refuse_connection,
    ['o' & 31] = answer_ok,
    ['p' & 31] = pass,
    ['q' & 31] = answer_question,
    ['r' & 31] = answer_refused,
    ['s' & 31] = submit,
    ['u' & 31] = answer_unauthorized,
    ['v' & 31] = overflow,
    ['w' & 31] = sleep_on,
    ['x' & 31] = close_client,
};

static void take_step(struct world *world) {
  unsigned byte = take(world), argument = byte >> 5;
  step *does = steps[byte & 31] ? steps[byte & 31] : nothing;
  does(world, argument);
  model_check(&world->model);
  if (argument & 1) turn(world);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Left alone, every call comes to its end by its deadline. */
static void settle(struct world *world) {
  for (int turns = 0; trail_engine_live(world->model.engine); turns++) {
    CHECK(turns < SETTLE_TURNS);
    sleep_on(world, 0);
    turn(world);
  }
}

static void close_all(struct world *world) {
  for (unsigned i = 0; i < MODEL_CLIENTS; i++) close_client(world, i << 2);
}

static void end_world(struct world *world) {
  struct model *model = &world->model;
  if (world->settings[3] & 1)
    settle(world);
  else
    close_all(world);
  turn(world); /* in which lanes that have become empty are left */
  model_check_end(model);
  unsigned destroyed = fake_transports_destroyed;
  trail_engine_destroy(model->engine);
  CHECK(fake_transports_destroyed == destroyed + 1);
  for (int i = 0; i < model->call_count; i++) {
    CHECK(atomic_load(&model->calls[i].call->holders) == 1);
    trail_call_release(model->calls[i].call);
  }
  for (int i = 0; i < MODEL_CLIENTS; i++) {
    CHECK(atomic_load(&model->clients[i].client->holders) == 1);
    trail_client_release(model->clients[i].client);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct world world = {.steps = trail_slice_of((const char *)data, size)};
  open_world(&world);
  while (world.steps.size) take_step(&world);
  end_world(&world);
  return 0;
}
