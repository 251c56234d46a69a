/* The transport over libcurl, one plain request at a time; what servers do to it is tried in the
 * specs of faults. */
#include "net/transport.h"

#include "base/clock.h"
#include "testing.h"

static const struct trail_profile profile = {
    .id = UINT64_MAX,
    .plain_http = true,
    .connect_timeout_us = 5000000,
    .max_response_bytes = 65536,
};

static struct trail_transport *create(lua_State *L) {
  struct trail_transport *transport;
  if (trail_curl_transport_create(&transport) != TRAIL_OK) luaL_error(L, "no transport");
  return transport;
}

static struct trail_transfer *start(lua_State *L, struct trail_transport *transport,
                                    const char *url, void *owner) {
  const struct trail_request request = {
      .profile = &profile, .method = "GET", .url = url, .headers = ""};
  struct trail_transfer *transfer;
  enum trail_status status = transport->ops->start(transport, &request, owner, &transfer);
  if (status != TRAIL_OK) luaL_error(L, "not started: %s", trail_status_name(status));
  return transfer;
}

static void move(struct trail_transport *transport, int64_t us) {
  int64_t until_us = trail_clock_boot_us() + us;
  while (trail_clock_boot_us() < until_us) (void)transport->ops->wait(transport, until_us);
}

/* Fetches what comes within five seconds; false: nothing. */
static bool fetch(struct trail_transport *transport, void **owner, struct trail_answer *answer) {
  int64_t until_us = trail_clock_boot_us() + 5000000;
  while (!transport->ops->next(transport, owner, answer)) {
    if (trail_clock_boot_us() >= until_us) return false;
    (void)transport->ops->wait(transport, until_us);
  }
  return true;
}

static void push_answer(lua_State *L, struct trail_answer *answer) {
  lua_pushstring(L, trail_status_name(answer->failure));
  lua_pushboolean(L, answer->sent);
  lua_pushstring(L, answer->message);
  trail_answer_clear(answer);
}

/* get(url) -> failure, sent, message */
static int get(lua_State *L) {
  const char *url = luaL_checkstring(L, 1);
  struct trail_transport *transport = create(L);
  struct trail_answer answer;
  void *owner = NULL;
  int mark;
  trail_answer_init(&answer, 0);
  start(L, transport, url, &mark);
  bool came = fetch(transport, &owner, &answer);
  transport->ops->destroy(transport);
  if (!came || owner != &mark) return luaL_error(L, "no answer, or another's");
  push_answer(L, &answer);
  return 3;
}

/* cancel_finished(url) -> failure, sent, message of a transfer that was cancelled after its end
 * but before it was fetched; was it fetched all the same; did one after it, and that once only */
static int cancel_finished(lua_State *L) {
  const char *url = luaL_checkstring(L, 1);
  struct trail_transport *transport = create(L);
  struct trail_answer first, second, third;
  void *owner = NULL;
  int marks[2];
  trail_answer_init(&first, 0);
  trail_answer_init(&second, 0);
  trail_answer_init(&third, 0);
  struct trail_transfer *transfer = start(L, transport, url, &marks[0]);
  move(transport, 50000);
  transport->ops->cancel(transport, transfer, &first);
  bool again = transport->ops->next(transport, &owner, &second);
  start(L, transport, url, &marks[1]);
  bool came = fetch(transport, &owner, &second) && owner == &marks[1];
  bool twice = transport->ops->next(transport, &owner, &third);
  transport->ops->destroy(transport);
  push_answer(L, &first);
  lua_pushboolean(L, again);
  lua_pushboolean(L, came && !twice);
  trail_answer_clear(&second);
  trail_answer_clear(&third);
  return 5;
}

/* cancel_at_once(url) -> failure, sent, message, was it fetched all the same */
static int cancel_at_once(lua_State *L) {
  const char *url = luaL_checkstring(L, 1);
  struct trail_transport *transport = create(L);
  struct trail_answer answer, other;
  void *owner = NULL;
  trail_answer_init(&answer, 0);
  trail_answer_init(&other, 0);
  struct trail_transfer *transfer = start(L, transport, url, &answer);
  transport->ops->cancel(transport, transfer, &answer);
  move(transport, 20000);
  bool fetched = transport->ops->next(transport, &owner, &other);
  transport->ops->destroy(transport);
  push_answer(L, &answer);
  lua_pushboolean(L, fetched);
  trail_answer_clear(&other);
  return 4;
}

/* leave(url, count): a transport that is destroyed with transfers under way and unfetched */
static int leave(lua_State *L) {
  const char *url = luaL_checkstring(L, 1);
  struct trail_transport *transport = create(L);
  for (lua_Integer left = luaL_checkinteger(L, 2); left > 0; left--)
    start(L, transport, url, transport);
  (void)transport->ops->wait(transport, trail_clock_boot_us());
  start(L, transport, url, transport);
  transport->ops->destroy(transport);
  return 0;
}

const luaL_Reg trail_testing_transport[] = {
    {"get", get},
    {"cancel_finished", cancel_finished},
    {"cancel_at_once", cancel_at_once},
    {"leave", leave},
    {NULL, NULL},
};
