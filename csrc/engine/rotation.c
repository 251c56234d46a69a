#include "engine/rotation.h"

#include "engine/engine.h"
#include "engine/note.h"

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
  do
    verdict = trail_keyring_rejected(&client->keyring, call->authorization, now_us);
  while (client->key_wait.deaf &&
         (verdict == TRAIL_KEY_ASK || verdict == TRAIL_KEY_ASK_FALLBACK));
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
    await_key(engine, call); /* somebody is at it */
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

/* Everybody who waits for a key looks again how things stand: the rejected ask for another key,
 * which may end them, the others line up. */
static void release_waiting(struct trail_engine *engine, struct trail_client *client,
                            int64_t now_us) {
  size_t count = 0; /* those who are there now: some may line up here again */
  for (struct trail_call *call = client->key_wait.first; call; call = call->lane_next) count++;
  for (struct trail_call *call; count-- && (call = client->key_wait.first);) {
    engine->released = true;
    if (call->answer.head.status != 401) {
      trail_life_enter(engine, call, TRAIL_CALL_QUEUED, call->deadline_at_us);
    } else if (!trail_rotation_continues(engine, call, now_us)) {
      trail_life_finish(engine, call, TRAIL_UNAUTHORIZED, now_us);
    }
  }
}

void trail_rotation_learn(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  if (!call->authorization || !call->answer.head.complete || call->answer.head.status == 401)
    return;
  trail_keyring_accepted(&client->keyring, call->authorization);
  if (client->key_wait.trial != call) return;
  client->key_wait.trial = NULL;
  release_waiting(engine, client, now_us);
}

void trail_engine_key_answered(struct trail_engine *engine, struct trail_client *client,
                               int64_t now_us) {
  engine->due = true;
  trail_rotation_withdraw(engine, client);
  release_waiting(engine, client, now_us);
}

void trail_engine_key_deaf(struct trail_engine *engine, struct trail_client *client,
                           int64_t now_us) {
  client->key_wait.deaf = true;
  if (client->key_wait.asking != TRAIL_KEY_GIVE_UP)
    trail_engine_key_answered(engine, client, now_us);
}

static bool must_wait(struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  struct trail_key_wait *wait = &client->key_wait;
  if (wait->asking != TRAIL_KEY_GIVE_UP) return true;
  (void)trail_keyring_authorization(&client->keyring, now_us); /* may find a new file */
  if (!client->keyring.unproven) return false;
  if (!wait->trial) wait->trial = call;
  return wait->trial != call;
}

bool trail_rotation_holds(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  if (!must_wait(call, now_us)) return false;
  await_key(engine, call);
  return true;
}

void trail_rotation_end(struct trail_engine *engine, struct trail_call *call, int64_t now_us) {
  struct trail_client *client = call->client;
  if (client->key_wait.trial != call) return;
  client->key_wait.trial = NULL;
  release_waiting(engine, client, now_us);
}
