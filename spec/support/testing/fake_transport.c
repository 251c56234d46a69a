#include "fake_transport.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/secret.h"

unsigned fake_transports_destroyed, fake_transports_abandoned;

static char *copy_text(const char *text) {
  return text ? trail_memory_copy(text, strlen(text)) : NULL;
}

/* Lines ended by NUL, the list by an empty one; the NULs between become line feeds. */
static char *copy_lines(const char *lines, const char *more) {
  const char *end = lines;
  while (*end) end += strlen(end) + 1;
  size_t size = (size_t)(end - lines), extra = more ? strlen(more) + 1 : 0;
  char *copy = trail_memory_zalloc(1, size + extra + 1);
  memcpy(copy, lines, size);
  if (more) memcpy(copy + size, more, extra);
  for (char *at = copy; at < copy + size + extra; at++)
    if (!*at) *at = '\n';
  return copy;
}

static void attempt_free(struct fake_attempt *attempt) {
  trail_memory_free(attempt->method);
  trail_memory_free(attempt->url);
  trail_memory_free(attempt->authorization);
  trail_memory_free(attempt->body);
  trail_memory_free(attempt->headers);
  trail_answer_clear(&attempt->answer);
  trail_memory_free(attempt);
}

static void append(struct fake_transport *fake, struct fake_attempt *attempt) {
  struct fake_attempt **at = &fake->first;
  while (*at) at = &(*at)->next;
  attempt->next = NULL;
  *at = attempt;
}

static void take_out(struct fake_transport *fake, struct fake_attempt *attempt) {
  struct fake_attempt **at = &fake->first;
  while (*at != attempt) at = &(*at)->next;
  *at = attempt->next;
}

static enum trail_status start(struct trail_transport *base, const struct trail_request *request,
                               void *owner, struct trail_transfer **out) {
  struct fake_transport *fake = (struct fake_transport *)base;
  *out = NULL;
  if (fake->refuse != TRAIL_OK) return fake->refuse;
  struct fake_attempt *attempt = trail_memory_zalloc(1, sizeof *attempt);
  attempt->serial = ++fake->started;
  attempt->owner = owner;
  attempt->method = copy_text(request->method);
  attempt->url = copy_text(request->url);
  attempt->headers = copy_lines(request->headers, request->more_headers);
  if (request->authorization)
    attempt->authorization = copy_text(trail_secret_bytes(request->authorization));
  if (request->body) attempt->body = trail_memory_copy(request->body, request->body_size);
  attempt->body_size = request->body_size;
  attempt->fresh_connection = request->fresh_connection;
  trail_answer_init(&attempt->answer, request->profile->max_response_bytes);
  append(fake, attempt);
  *out = (struct trail_transfer *)attempt;
  return TRAIL_OK;
}

static void cancel(struct trail_transport *base, struct trail_transfer *transfer,
                   struct trail_answer *answer) {
  struct fake_transport *fake = (struct fake_transport *)base;
  struct fake_attempt *attempt = (struct fake_attempt *)transfer;
  take_out(fake, attempt);
  fake->cancelled++;
  trail_answer_move(answer, &attempt->answer);
  attempt_free(attempt);
}

static bool next(struct trail_transport *base, void **owner, struct trail_answer *answer) {
  struct fake_transport *fake = (struct fake_transport *)base;
  for (struct fake_attempt *attempt = fake->first; attempt; attempt = attempt->next) {
    if (attempt->fate != FAKE_FINISHED) continue;
    take_out(fake, attempt);
    *owner = attempt->owner;
    trail_answer_move(answer, &attempt->answer);
    attempt_free(attempt);
    return true;
  }
  return false;
}

static void finish_first(struct fake_transport *fake) {
  static const char *const lines[] = {"HTTP/1.1 204 No Content\r\n", "\r\n"};
  const char *why;
  struct fake_attempt *attempt = fake->first;
  if (!attempt) return;
  attempt->answer.sent = true;
  for (int i = 0; i < 2; i++)
    (void)!trail_head_line(&attempt->answer.head, lines[i], strlen(lines[i]), &why);
  fake_transport_finish(fake, attempt);
}

/* With nothing left to do it sleeps, as the real one would, but never longer than two seconds. */
static void sleep_until(int64_t until_us) {
  int64_t left_us = until_us - trail_clock_boot_us();
  if (left_us > 2000000) left_us = 2000000;
  struct timespec left = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
  if (left_us > 0) nanosleep(&left, NULL);
}

static bool wait(struct trail_transport *base, int64_t until_us) {
  struct fake_transport *fake = (struct fake_transport *)base;
  char what = fake->waits[0];
  fake->waited++;
  fake->wait_until_us = until_us;
  memmove(fake->waits, fake->waits + 1, sizeof fake->waits - 1);
  if (what == 'f') finish_first(fake);
  if (what == '\0') sleep_until(until_us);
  return what != 's';
}

static int arm(struct trail_transport *base, int64_t at_us) {
  (void)base, (void)at_us;
  return -1;
}

static enum trail_status watch(struct trail_transport *base, int fd) {
  (void)base, (void)fd;
  return TRAIL_OK;
}

static void unwatch(struct trail_transport *base, int fd) { (void)base, (void)fd; }

static int readable(struct trail_transport *base) {
  (void)base;
  return -1;
}

static void release(struct fake_transport *fake) {
  for (struct fake_attempt *attempt; (attempt = fake->first);) {
    fake->first = attempt->next;
    attempt_free(attempt);
  }
  trail_memory_free(fake);
}

static void destroy(struct trail_transport *base) {
  fake_transports_destroyed++;
  release((struct fake_transport *)base);
}

static void abandon(struct trail_transport *base) {
  fake_transports_abandoned++;
  release((struct fake_transport *)base);
}

struct fake_transport *fake_transport_create(void) {
  static const struct trail_transport_ops ops = {
      .start = start,
      .cancel = cancel,
      .next = next,
      .wait = wait,
      .arm = arm,
      .watch = watch,
      .unwatch = unwatch,
      .readable = readable,
      .destroy = destroy,
      .abandon = abandon,
  };
  struct fake_transport *fake = trail_memory_zalloc(1, sizeof *fake);
  fake->base.ops = &ops;
  return fake;
}

struct fake_attempt *fake_transport_find(struct fake_transport *fake, unsigned serial) {
  struct fake_attempt *attempt = fake->first;
  while (attempt && (attempt->serial != serial || attempt->fate == FAKE_FINISHED))
    attempt = attempt->next;
  return attempt;
}

void fake_transport_finish(struct fake_transport *fake, struct fake_attempt *attempt) {
  take_out(fake, attempt);
  attempt->fate = FAKE_FINISHED;
  append(fake, attempt);
}
