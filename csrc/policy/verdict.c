#include "policy/verdict.h"

/* When a second try may fare better than the first. */
enum chance {
  CHANCE_NONE,
  CHANCE_KEYED, /* only where the server recognises the repetition */
  CHANCE_ANY    /* wherever a repetition does no harm */
};

/* 409 with a key: its first use is still being worked on. 422 with a key: it was used for another
 * request, which no repetition mends. 408 says that the request did not arrive in time. */
static const struct {
  unsigned http_status;
  enum trail_status kind;
  enum chance chance;
} statuses[] = {
    {400, TRAIL_INVALID, CHANCE_NONE},   {401, TRAIL_UNAUTHORIZED, CHANCE_NONE},
    {403, TRAIL_FORBIDDEN, CHANCE_NONE}, {404, TRAIL_NOT_FOUND, CHANCE_NONE},
    {408, TRAIL_HTTP, CHANCE_ANY},       {409, TRAIL_CONFLICT, CHANCE_KEYED},
    {422, TRAIL_INVALID, CHANCE_NONE},   {429, TRAIL_RATE_LIMITED, CHANCE_ANY},
    {500, TRAIL_SERVER, CHANCE_ANY},     {502, TRAIL_SERVER, CHANCE_ANY},
    {503, TRAIL_SERVER, CHANCE_ANY},     {504, TRAIL_SERVER, CHANCE_ANY},
};

enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };

static const char *const outcome_names[] = {
#define TRAIL_OUTCOME_NAME(name, text) text,
    TRAIL_OUTCOME_LIST(TRAIL_OUTCOME_NAME)
#undef TRAIL_OUTCOME_NAME
};

enum trail_status trail_verdict_status(unsigned http_status) {
  for (int i = 0; i < STATUS_COUNT; i++) {
    if (statuses[i].http_status == http_status) return statuses[i].kind;
  }
  if (http_status < 200 || http_status > 999) return TRAIL_PROTOCOL;
  if (http_status < 300) return TRAIL_OK;
  return http_status / 100 == 5 ? TRAIL_SERVER : TRAIL_HTTP;
}

/* An answer after which a method with effects may have had them. */
static bool is_ambiguous(unsigned http_status) {
  return http_status / 100 == 5 || http_status == 408 || http_status == 409;
}

enum trail_outcome trail_verdict_outcome(const struct trail_attempt *attempt) {
  unsigned http_status = attempt->http_status;
  if (!attempt->sent) return TRAIL_OUTCOME_NOT_SENT;
  if (attempt->head_complete && http_status / 100 == 2) return TRAIL_OUTCOME_DONE;
  if (!attempt->complete || http_status < 200) return TRAIL_OUTCOME_UNKNOWN;
  if (is_ambiguous(http_status) && !trail_method_is_safe(attempt->method)) {
    return TRAIL_OUTCOME_UNKNOWN;
  }
  return TRAIL_OUTCOME_REJECTED;
}

enum trail_outcome trail_verdict_worse(enum trail_outcome a, enum trail_outcome b) {
  return a > b ? a : b;
}

const char *trail_verdict_outcome_name(enum trail_outcome outcome) {
  return (unsigned)outcome < TRAIL_OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

static enum chance chance_of_status(unsigned http_status) {
  for (int i = 0; i < STATUS_COUNT; i++) {
    if (statuses[i].http_status == http_status) return statuses[i].chance;
  }
  return CHANCE_NONE;
}

/* A complete answer speaks for itself; else what broke decides. A certificate that does not fit, a
 * malformed head or an over-long body would be the same again. */
static enum chance chance_of(const struct trail_attempt *attempt) {
  if (attempt->complete) return chance_of_status(attempt->http_status);
  switch (attempt->failure) {
    case TRAIL_NETWORK:
    case TRAIL_TIMEOUT:
      return CHANCE_ANY;
    case TRAIL_PROTOCOL:
      return attempt->cut ? CHANCE_ANY : CHANCE_NONE;
    default:
      return CHANCE_NONE;
  }
}

bool trail_verdict_retryable(const struct trail_attempt *attempt) {
  bool harmless = !attempt->sent || attempt->keyed || trail_method_is_idempotent(attempt->method);
  switch (chance_of(attempt)) {
    case CHANCE_ANY:
      return harmless;
    case CHANCE_KEYED:
      return attempt->keyed;
    case CHANCE_NONE:
      break;
  }
  return false;
}

/* Refused by our own pacer, given up by the caller or for want of memory: nothing says the server
 * would refuse it. */
static bool stopped_here(const struct trail_attempt *last) {
  if (last->complete) return false;
  return last->failure == TRAIL_RATE_LIMITED || last->failure == TRAIL_CANCELLED ||
         last->failure == TRAIL_NO_MEMORY;
}

bool trail_verdict_repeatable(const struct trail_attempt *last, enum trail_outcome whole) {
  if (last->complete && chance_of(last) == CHANCE_KEYED) return last->keyed;
  if (chance_of(last) == CHANCE_NONE && !stopped_here(last)) return false;
  return last->keyed || trail_method_is_idempotent(last->method) || whole <= TRAIL_OUTCOME_REJECTED;
}
