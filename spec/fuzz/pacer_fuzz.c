/* The pacer (policy/pacer) before servers that tell anything, and several who share one state:
 * the input is what they ask and what they are told.
 *
 * A step is a byte: its low two bits ask, tell, give back, or let time pass; the rest, and the
 * bytes behind it, say how. Whatever was told: no wait is negative or without end, what is left
 * is never more than the limit, a stop ends, and a refund never makes room that was not taken.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "policy/pacer.h"

enum { MOST_TICKETS = 64, MONTH_S = 31 * 86400 };

struct world {
  struct trail_slice steps;
  struct trail_pace pace, other;
  struct trail_pacer_config config;
  struct trail_pacer_ticket tickets[MOST_TICKETS];
  int count;
  int64_t now_us;
};

static uint64_t take(struct world *world, int bytes) {
  uint64_t value = 0;
  for (; bytes && world->steps.size; bytes--) {
    value = value << 8 | (uint8_t)world->steps.bytes[0];
    world->steps = trail_slice_from(world->steps, 1);
  }
  return value;
}

/* ---- what holds ------------------------------------------------------------------------------ */

/* A server's window is a month at most, a stop a quarter of an hour, and a window of our own as long
 * as the caller says. */
static void check_wait(const struct world *world, int64_t wait_us) {
  int64_t longest_s = MONTH_S + 2 * 86400 + 5 * (int64_t)world->config.window_ms / 1000;
  CHECK(wait_us >= 0 && wait_us <= longest_s * 1000000);
}

static struct trail_pacer_view look(const struct world *world) {
  struct trail_pacer_view view;
  trail_pacer_view(&world->pace, &world->config, world->now_us, &view);
  return view;
}

static void check_view(const struct world *world) {
  struct trail_pacer_view view = look(world);
  CHECK(view.stopped_us >= 0 && view.stopped_us <= TRAIL_PACER_STOP_MAX_US + 2000);
  if (!view.known) return;
  CHECK(view.resets_in_us >= 0 && view.remaining <= view.limit);
  bool bounds = world->config.limit && !world->config.window_ms;
  if (bounds) CHECK(view.remaining <= world->config.limit);
}

/* ---- the steps ------------------------------------------------------------------------------- */

static void ask(struct world *world, unsigned how) {
  enum trail_pacer_priority priority = (enum trail_pacer_priority)(how % 3);
  struct trail_pacer_ticket ticket;
  for (unsigned times = 1 + how / 8; times; times--) {
    struct trail_pacer_view before = look(world);
    int64_t wait_us =
        trail_pacer_admit(&world->pace, &world->config, world->now_us, priority, &ticket);
    check_wait(world, wait_us);
    if (wait_us) return;
    CHECK(ticket.pace == &world->pace && ticket.admitted_us == world->now_us);
    bool within = before.resets_in_us > 0 && before.remaining > 0;
    CHECK(ticket.probe || !within || look(world).remaining < before.remaining);
    if (world->count < MOST_TICKETS) world->tickets[world->count++] = ticket;
  }
}

static struct trail_pacer_ticket give_up_ticket(struct world *world, unsigned how) {
  int which = (int)(how % (unsigned)world->count);
  struct trail_pacer_ticket ticket = world->tickets[which];
  world->tickets[which] = world->tickets[--world->count];
  return ticket;
}

/* Seconds of the server's, which runs as we do, from a beginning that the input chose. */
static int64_t server_now(const struct world *world) {
  return 1700000000 + world->now_us / 1000000;
}

static void tell(struct world *world, unsigned how) {
  static const int statuses[] = {200, 429, 503, 0};
  if (!world->count) return;
  struct trail_pacer_ticket ticket = give_up_ticket(world, how >> 3);
  struct trail_pacer_answer answer = {
      .http_status = statuses[how & 3], .date = server_now(world), .retry_after_ms = -1};
  unsigned what = (unsigned)take(world, 1);
  answer.has_rate = what & 1;
  answer.rate.limit = (uint32_t)take(world, what & 2 ? 4 : 1);
  answer.rate.remaining = (uint32_t)take(world, what & 4 ? 4 : 1);
  answer.rate.reset =
      what & 8 ? (uint32_t)take(world, 4) : (uint32_t)(server_now(world) + (int64_t)take(world, 1));
  if (what & 16) answer.date = (int64_t)(take(world, 5) % 253402300800);
  if (what & 32) answer.retry_after_ms = (int64_t)take(world, 4) * 1000;
  trail_pacer_feedback(&world->pace, &world->config, world->now_us, &ticket, &answer);
  if (answer.http_status == 429) {
    CHECK(trail_pacer_admit(&world->pace, &world->config, world->now_us, TRAIL_PACER_HIGH,
                            &ticket) > 0);
  }
}

static void give_back(struct world *world, unsigned how) {
  if (how & 32) {
    trail_pacer_merge(&world->pace, &world->other);
  } else if (how & 16) {
    world->other = world->pace;
  } else if (world->count) {
    struct trail_pacer_ticket ticket = give_up_ticket(world, how);
    uint32_t before = look(world).remaining;
    trail_pacer_refund(&world->pace, &ticket);
    uint32_t after = look(world).remaining;
    CHECK(after >= before && after - before <= 1);
  }
}

static void pass(struct world *world, unsigned how) {
  static const int64_t steps_us[] = {1000, 300000, 5000000, 3600 * INT64_C(1000000)};
  world->now_us += steps_us[how & 3] * (int64_t)(1 + take(world, 1));
}

static void take_step(struct world *world) {
  unsigned byte = (unsigned)take(world, 1), how = byte >> 2;
  switch (byte & 3) {
    case 0:
      ask(world, how);
      break;
    case 1:
      tell(world, how);
      break;
    case 2:
      give_back(world, how);
      break;
    default:
      pass(world, how);
  }
  check_view(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint32_t windows_ms[] = {0, 1000, 60000, 3600000};
  static const double spreads[] = {0, 0.25, 0.5, 1};
  static struct world world;
  world = (struct world){.steps = trail_slice_of((const char *)data, size)};
  unsigned settings = (unsigned)take(&world, 1);
  world.now_us = 1000000 + (int64_t)take(&world, 1) * 86400 * 1000000;
  world.config = (struct trail_pacer_config){
      .limit = settings & 1 ? (uint32_t)take(&world, 1) : 0,
      .window_ms = windows_ms[settings >> 1 & 3],
      .reserve = settings & 8 ? (uint32_t)take(&world, 1) : 0,
      .spread = spreads[settings >> 4 & 3],
  };
  while (world.steps.size) take_step(&world);
  return 0;
}
