#include "engine/rotation.h"

#include "engine/engine.h"
#include "engine/note.h"

/* What the function key said before a call: a key, or why none. */
struct first_answer {
  const char *problem; /* NULL: it is in the keyring */
};

#define DEAF "the function key cannot be asked any more: its client was let go of"

/* ---- the question ---------------------------------------------------------------------------- */

static void ask(struct trail_engine *engine, struct trail_client *client,
                enum trail_key_verdict verdict) {
  client->key_wait.asking = verdict;
  client->key_wait.taken = false;
  engine->questions++;
}

void trail_rotation_withdraw(struct trail_engine *engine, struct trail_client *client) {
  struct trail_key_wait *wait = &client->key_wait;
  if (wait->asking != TRAIL_KEY_GIVE_UP && !wait->taken) engine->questions--;
  wait->asking = TRAIL_KEY_GIVE_UP;
  wait->taken = false;
}

enum trail_key_verdict trail_engine_key_question(const struct trail_client *client) {
  return client->key_wait.taken ? TRAIL_KEY_GIVE_UP : client->key_wait.asking;
}

enum trail_key_verdict trail_engine_key_take(struct trail_engine *engine,
                                             struct trail_client *client) {
  enum trail_key_verdict question = trail_engine_key_question(client);
  if (question == TRAIL_KEY_GIVE_UP) return question;
  client->key_wait.taken = true;
  engine->questions--;
  return question;
}

void trail_engine_key_give_back(struct trail_engine *engine, struct trail_client *client) {
  if (!client->key_wait.taken) return;
  client->key_wait.taken = false;
  engine->questions++;
}

/* What to do about a rejected key; where nobody is left to ask a function, what comes after that. */
static enum trail_key_verdict rejected(struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  enum trail_key_verdict verdict;
  do verdict = trail_keyring_rejected(&client->keyring, call->authorization, now_us);
  while (client->key_wait.deaf && (verdict == TRAIL_KEY_ASK || verdict == TRAIL_KEY_ASK_FALLBACK));
  return verdict;
}

/* ---- calls and the key they use -------------------------------------------------------------- */

static void await_key(struct trail_engine *engine, struct trail_call *call) {
  trail_life_enter(engine, call, TRAIL_CALL_AWAITING_KEY, call->deadline_at_us);
}

bool trail_rotation_continues(struct trail_engine *engine, struct trail_call *call,
                              int64_t now_us) {
  struct trail_client *client = call->client;
  struct trail_key_wait *wait = &client->key_wait;
  if (!call->authorization || call->key_tries == TRAIL_KEY_TRIES_MAX) return false;
  if (wait->asking != TRAIL_KEY_GIVE_UP || (wait->trial && wait->trial != call)) {
    if (wait->trial == call) wait->trial = NULL; /* whoever waits for its end waits for a key now */
    await_key(engine, call);                     /* somebody is at it */
    return true;
  }
  enum trail_key_verdict verdict = rejected(call, now_us);
  if (verdict == TRAIL_KEY_GIVE_UP) return false; /* its end tells those who wait for it */
  wait->trial = NULL;
  if (verdict == TRAIL_KEY_RETRY) {
    trail_note_key(engine, call);
    call->rekeyed = true;
    call->waited_us = 0;
    if (client->keyring.unproven) wait->trial = call;
    trail_life_enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
  } else {
    ask(engine, client, verdict);
    await_key(engine, call);
  }
  return true;
}

static void fail_for_want_of_key(struct trail_engine *engine, struct trail_call *call,
                                 const char *problem, int64_t now_us) {
  bool late = now_us >= call->deadline_at_us; /* the function may have taken its time */
  if (late) call->limit = TRAIL_LIMIT_DEADLINE;
  trail_answer_say(&call->answer, late ? "timed out waiting for the function key" : problem);
  trail_life_fail(engine, call, late ? TRAIL_TIMEOUT : TRAIL_CONFIG, now_us);
}

/* What the function said before a first attempt, it said for all who wait for that. */
static void line_up(struct trail_engine *engine, struct trail_call *call,
                    const struct first_answer *first, int64_t now_us) {
  if (first && (first->problem || now_us >= call->deadline_at_us)) {
    fail_for_want_of_key(engine, call, first->problem, now_us);
    return;
  }
  call->provided = call->provided || first;
  trail_life_enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
}

/* Everybody who waits for a key looks again how things stand: the rejected ask for another key,
 * which may end them, the others line up. `first`: what came of TRAIL_KEY_ASK_FIRST, or NULL. */
static void release_waiting(struct trail_engine *engine, struct trail_client *client,
                            const struct first_answer *first, int64_t now_us) {
  size_t count = 0; /* those who are there now: some may line up here again */
  for (struct trail_call *call = client->key_wait.first; call; call = call->lane_next) count++;
  for (struct trail_call *call; count-- && (call = client->key_wait.first);) {
    if (call->answer.head.status != 401) {
      line_up(engine, call, first, now_us);
    } else if (!trail_rotation_continues(engine, call, now_us)) {
      trail_life_finish(engine, call, TRAIL_UNAUTHORIZED, now_us);
    }
  }
}

void trail_rotation_learn(struct trail_engine *engine, struct trail_call *call) {
  if (!call->authorization || !call->answer.head.complete || call->answer.head.status == 401)
    return;
  trail_keyring_accepted(&call->client->keyring, call->authorization);
  trail_life_end_trial(engine, call);
}

bool trail_rotation_asks_first(const struct trail_call *call) {
  return call->client->key_wait.asking == TRAIL_KEY_ASK_FIRST && call->answer.head.status != 401;
}

void trail_engine_key_answered(struct trail_engine *engine, struct trail_client *client,
                               const char *problem, int64_t now_us) {
  struct first_answer first = {problem};
  bool was_first = client->key_wait.asking == TRAIL_KEY_ASK_FIRST;
  engine->due = true;
  trail_rotation_withdraw(engine, client);
  release_waiting(engine, client, was_first ? &first : NULL, now_us);
}

void trail_engine_key_deaf(struct trail_engine *engine, struct trail_client *client,
                           int64_t now_us) {
  client->key_wait.deaf = true;
  if (client->key_wait.asking != TRAIL_KEY_GIVE_UP)
    trail_engine_key_answered(engine, client, DEAF, now_us);
}

static bool is_first_to_ask(const struct trail_call *call, int64_t now_us) {
  return !call->provided && call->attempts == 0 && !call->client->key_wait.deaf &&
         trail_keyring_asks_first(&call->client->keyring, now_us);
}

static bool must_wait(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  struct trail_key_wait *wait = &client->key_wait;
  bool needs_none = call->provided || call->attempts > 0;
  if (wait->asking == TRAIL_KEY_ASK_FIRST && needs_none) return false;
  if (wait->asking != TRAIL_KEY_GIVE_UP) return true;
  if (is_first_to_ask(call, now_us)) {
    ask(engine, client, TRAIL_KEY_ASK_FIRST);
    return true;
  }
  (void)trail_keyring_authorization(&client->keyring, now_us); /* may find a new file */
  if (!client->keyring.unproven) return false;
  if (!wait->trial) wait->trial = call;
  return wait->trial != call;
}

bool trail_rotation_holds(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  const struct trail_client *client = call->client;
  if (client->key_wait.deaf && client->keyring.asks && !client->keyring.current.line) {
    fail_for_want_of_key(engine, call, DEAF, now_us);
    return true;
  }
  if (!must_wait(engine, call, now_us)) return false;
  await_key(engine, call);
  return true;
}

void trail_rotation_go_on(struct trail_engine *engine, int64_t now_us) {
  for (struct trail_client *client; (client = engine->tried);) {
    engine->tried = client->key_wait.next;
    client->key_wait.tried = false;
    release_waiting(engine, client, NULL, now_us);
    trail_client_release(client);
  }
}
