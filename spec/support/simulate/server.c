#include "server.h"

#include <math.h>
#include <string.h>

struct state {
  bool accepted;
  int64_t remaining, reset_us, retry_us; /* retry_us: how long from now; -1: until the reset */
};

void server_start(struct server *server) {
  server->end_us = -1;
  server->first_limit = server->limit;
  server->used_min = 9;
}

/* ---- windows --------------------------------------------------------------------------------- */

static void close_window(struct server *server) {
  double used = (double)server->count / server->first_limit;
  if (server->windows++ == 0) return; /* the first one may have begun before us */
  server->used_sum += used;
  if (used < server->used_min) server->used_min = used;
}

static void open_window(struct server *server, int64_t now_us) {
  int64_t end_us = now_us + server->window_us;
  if (server->kind != SERVER_FIRST_HIT) {
    int64_t since = now_us - server->phase_us;
    end_us = since < 0 ? server->phase_us
                       : since / server->window_us * server->window_us + server->phase_us +
                             server->window_us;
  }
  bool adjacent = server->end_us >= 0 && end_us - server->end_us <= server->window_us;
  server->last_count = adjacent ? server->count : 0;
  if (server->end_us >= 0) close_window(server);
  server->count = 0;
  server->end_us = end_us;
}

static struct state ask_window(struct server *server, int64_t now_us) {
  if (server->end_us < 0 || now_us >= server->end_us) open_window(server, now_us);
  double counted = server->count;
  if (server->kind == SERVER_COUNTER)
    counted += server->last_count * (double)(server->end_us - now_us) / (double)server->window_us;
  struct state state = {counted + 1 <= server->limit, 0, server->end_us, -1};
  server->count += state.accepted;
  state.remaining = (int64_t)floor(server->limit - counted - state.accepted);
  return state;
}

/* ---- no windows ------------------------------------------------------------------------------ */

static struct state ask_log(struct server *server, int64_t now_us) {
  while (server->log_size && server->log[server->log_first] <= now_us - server->window_us) {
    server->log_first = (server->log_first + 1) % SERVER_LOG_MAX;
    server->log_size--;
  }
  struct state state = {server->log_size < server->limit, 0, 0, -1};
  if (state.accepted)
    server->log[(server->log_first + server->log_size++) % SERVER_LOG_MAX] = now_us;
  int64_t oldest_us = server->log[server->log_first];
  state.remaining = (int64_t)server->limit - server->log_size;
  state.reset_us = (server->kind == SERVER_LOG ? oldest_us : now_us) + server->window_us;
  state.retry_us = oldest_us + server->window_us - now_us;
  return state;
}

static struct state ask_bucket(struct server *server, int64_t now_us) {
  double step = (double)server->window_us / server->limit, now = (double)now_us;
  double full = fmax(server->arrival, now) + step, most = (double)server->window_us + 1e-6;
  struct state state = {full - now <= most, 0, 0, -1};
  if (state.accepted) server->arrival = full;
  double until = fmax(server->arrival, now);
  state.remaining = (int64_t)floor(((double)server->window_us - (until - now)) / step + 1e-9);
  state.reset_us = (int64_t)until;
  state.retry_us = (int64_t)(server->arrival + step - (double)server->window_us - now);
  return state;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static uint32_t reset_of(const struct server *server, int64_t now_us, int64_t reset_us) {
  double then = (double)(reset_us + server->skew_us) / 1e6;
  int64_t now_s = (now_us + server->skew_us) / 1000000, left_us = reset_us - now_us;
  switch (server->rounding) {
    case ROUND_DOWN:
      return (uint32_t)floor(then);
    case ROUND_UP:
      return (uint32_t)ceil(then - 1e-9);
    case ROUND_NEAREST:
      return (uint32_t)llround(then);
    case ROUND_LEFT_DOWN:
      return (uint32_t)(now_s + left_us / 1000000);
    case ROUND_LEFT_UP:
      break;
  }
  return (uint32_t)(now_s + (left_us + 999999) / 1000000);
}

struct trail_pacer_answer server_ask(struct server *server, int64_t now_us, bool stranger) {
  struct state state;
  if (server->kind == SERVER_LOG || server->kind == SERVER_LOG_NOW)
    state = ask_log(server, now_us);
  else if (server->kind == SERVER_BUCKET)
    state = ask_bucket(server, now_us);
  else
    state = ask_window(server, now_us);

  int64_t retry_us = state.retry_us >= 0 ? state.retry_us : state.reset_us - now_us;
  struct trail_pacer_answer answer = {
      .has_rate = !server->silent,
      .rate = {.limit = server->limit,
               .remaining = (uint32_t)(state.remaining > 0 ? state.remaining : 0),
               .reset = reset_of(server, now_us, state.reset_us)},
      .date = (now_us + server->skew_us) / 1000000,
      .http_status = state.accepted ? 200 : 429,
      .retry_after_ms = state.accepted ? -1 : (retry_us + 999999) / 1000000 * 1000,
  };
  server->accepted += state.accepted;
  server->refused += !state.accepted && !stranger;
  return answer;
}

double server_used(const struct server *server, int64_t duration_us) {
  if (server->kind == SERVER_GRID || server->kind == SERVER_FIRST_HIT)
    return server->windows > 1 ? server->used_sum / (server->windows - 1) : 0;
  double windows = (double)duration_us / (double)server->window_us;
  if (server->kind == SERVER_BUCKET) windows += 1; /* it begins full */
  return server->accepted / (server->first_limit * windows);
}
