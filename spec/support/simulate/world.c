#include "world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS = 2048, KILLED_IN_ADMISSION = 10, RESTART_US = 20000 };
#define EPOCH_US INT64_C(1760000000000000)

enum event_kind { WAKE, ARRIVE, RETURN, THOUGHT, KILL, STRANGER };

struct event {
  int64_t at_us;
  uint64_t order; /* of what is due at once, the earlier made first */
  enum event_kind kind;
  uint32_t process, life, request;
};

struct request {
  bool in_use, lost, answered, given_back;
  uint32_t process, life;
  struct trail_pacer_ticket ticket;
  struct trail_pacer_answer answer;
};

struct process {
  uint32_t life, ready; /* callers that want to send */
  uint64_t wake;        /* the order of the wake-up that counts; those planned before are void */
};

struct world {
  const struct scenario *scenario;
  struct server server;
  struct trail_pace machines[WORLD_PROCESSES_MAX];
  struct process processes[WORLD_PROCESSES_MAX];
  struct request requests[REQUESTS];
  struct event *events; /* a heap, the next one first */
  size_t count, room;
  uint64_t order, random;
  uint32_t sent;
  int64_t hundredth_us;
  bool short_of_memory;
};

/* ---- chance ---------------------------------------------------------------------------------- */

/* splitmix64 */
static uint64_t draw(struct world *world) {
  uint64_t bits = world->random += 0x9e3779b97f4a7c15u;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
  return bits ^ bits >> 31;
}

static double draw_between(struct world *world, double low, double high) {
  return low + (high - low) * (double)(draw(world) >> 11) * 0x1p-53;
}

static double draw_normal(struct world *world) {
  double radius = sqrt(-2 * log(1 - draw_between(world, 0, 1)));
  return radius * cos(6.283185307179586 * draw_between(world, 0, 1));
}

static int64_t draw_gap_us(struct world *world, double per_second) {
  return (int64_t)(-log(1 - draw_between(world, 0, 1)) / per_second * 1e6);
}

/* One way: log-normal, one in a hundred up to a second and a half later. */
static int64_t draw_way_us(struct world *world) {
  const struct scenario *scenario = world->scenario;
  double way = scenario->round_trip / 2 * exp(0.5 * draw_normal(world));
  if (!scenario->no_tail && draw_between(world, 0, 1) < 0.01) way += draw_between(world, 0.2, 1.5);
  return (int64_t)(way * 1e6);
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool is_before(const struct event *a, const struct event *b) {
  return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void plan(struct world *world, int64_t at_us, struct event event) {
  if (world->count == world->room) {
    size_t room = world->room ? world->room * 2 : 1024;
    struct event *more = realloc(world->events, room * sizeof *more);
    if (!more) {
      world->short_of_memory = true;
      return;
    }
    world->events = more;
    world->room = room;
  }
  event.at_us = at_us;
  event.order = ++world->order;
  size_t at = world->count++;
  for (; at && is_before(&event, &world->events[(at - 1) / 2]); at = (at - 1) / 2)
    world->events[at] = world->events[(at - 1) / 2];
  world->events[at] = event;
}

static struct event take_next(struct world *world) {
  struct event first = world->events[0], last = world->events[--world->count];
  size_t at = 0;
  for (size_t child = 1; child < world->count; child = at * 2 + 1) {
    if (child + 1 < world->count && is_before(&world->events[child + 1], &world->events[child]))
      child++;
    if (!is_before(&world->events[child], &last)) break;
    world->events[at] = world->events[child];
    at = child;
  }
  world->events[at] = last;
  return first;
}

/* ---- processes ------------------------------------------------------------------------------- */

static struct trail_pace *pace_of(struct world *world, uint32_t process) {
  return &world->machines[process % world->scenario->machines];
}

static int64_t admit(struct world *world, uint32_t process, int64_t now_us,
                     struct trail_pacer_ticket *ticket) {
  bool high = process < world->scenario->high_processes;
  return trail_pacer_admit(pace_of(world, process), &world->scenario->config, now_us,
                           high ? TRAIL_PACER_HIGH : TRAIL_PACER_NORMAL, ticket);
}

static void send_request(struct world *world, uint32_t process, int64_t now_us,
                         const struct trail_pacer_ticket *ticket) {
  uint32_t at = 0;
  while (at < REQUESTS && world->requests[at].in_use) at++;
  if (at == REQUESTS) {
    world->short_of_memory = true;
    return;
  }
  uint32_t life = world->processes[process].life;
  bool refused = draw_between(world, 0, 1) < world->scenario->refused_share;
  world->requests[at] = (struct request){
      .in_use = true, .given_back = refused, .process = process, .life = life, .ticket = *ticket};
  world->sent++;
  plan(world, now_us + draw_way_us(world),
       (struct event){.kind = refused ? RETURN : ARRIVE, .request = at});
}

/* The head of the queue asks; the others wait behind it. */
static void ask(struct world *world, uint32_t process, int64_t now_us) {
  struct process *self = &world->processes[process];
  while (self->ready) {
    struct trail_pacer_ticket ticket;
    int64_t wait_us = admit(world, process, now_us, &ticket);
    if (wait_us) {
      wait_us += trail_pacer_jitter_us((uint32_t)draw(world));
      plan(world, now_us + wait_us, (struct event){.kind = WAKE, .process = process});
      self->wake = world->order;
      return;
    }
    self->ready--;
    send_request(world, process, now_us, &ticket);
  }
}

static void arrive(struct world *world, uint32_t at, int64_t now_us) {
  struct request *request = &world->requests[at];
  if (request->lost) {
    request->in_use = false;
    return;
  }
  request->answer = server_ask(&world->server, now_us, false);
  request->answered = true;
  if (world->server.accepted == 100 && world->hundredth_us < 0) world->hundredth_us = now_us;
  plan(world, now_us + draw_way_us(world), (struct event){.kind = RETURN, .request = at});
}

static void return_answer(struct world *world, uint32_t at, int64_t now_us) {
  struct request request = world->requests[at];
  const struct scenario *scenario = world->scenario;
  struct process *self = &world->processes[request.process];
  world->requests[at].in_use = false;
  if (request.life != self->life) return;
  if (scenario->wrong_date != 0 && draw_between(world, 0, 1) < 0.02)
    request.answer.date += (int64_t)scenario->wrong_date;
  if (request.given_back)
    trail_pacer_refund(pace_of(world, request.process), &request.ticket);
  else
    trail_pacer_feedback(pace_of(world, request.process), &scenario->config, now_us,
                         &request.ticket, &request.answer);
  double each = scenario->demand / (scenario->processes * scenario->callers);
  plan(world, now_us + (each > 0 ? draw_gap_us(world, each) : 0),
       (struct event){.kind = THOUGHT, .process = request.process, .life = request.life});
}

static void start_process(struct world *world, uint32_t process, int64_t now_us) {
  struct process *self = &world->processes[process];
  *self = (struct process){.life = self->life, .ready = world->scenario->callers};
  plan(world, now_us, (struct event){.kind = WAKE, .process = process});
  self->wake = world->order;
}

/* At any instruction: half of what had not arrived never does, and one kill in ten falls between an
 * admission and its request. */
static void kill_process(struct world *world, int64_t now_us) {
  uint32_t process = (uint32_t)(draw(world) % world->scenario->processes);
  struct process *self = &world->processes[process];
  struct trail_pacer_ticket lost;
  for (struct request *r = world->requests; r < world->requests + REQUESTS; r++)
    if (r->in_use && r->process == process && r->life == self->life && !r->answered)
      r->lost = draw(world) & 1;
  if (draw(world) % KILLED_IN_ADMISSION == 0) (void)admit(world, process, now_us, &lost);
  self->life++;
  start_process(world, process, now_us + RESTART_US);
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void handle(struct world *world, const struct event *event) {
  const struct scenario *scenario = world->scenario;
  int64_t now_us = event->at_us;
  switch (event->kind) {
    case THOUGHT:
      if (event->life != world->processes[event->process].life) break;
      world->processes[event->process].ready++;
      ask(world, event->process, now_us);
      break;
    case WAKE:
      if (event->order == world->processes[event->process].wake) ask(world, event->process, now_us);
      break;
    case ARRIVE:
      arrive(world, event->request, now_us);
      break;
    case RETURN:
      return_answer(world, event->request, now_us);
      break;
    case KILL:
      kill_process(world, now_us);
      plan(world, now_us + (int64_t)(scenario->kill_every * 1e6), (struct event){.kind = KILL});
      break;
    case STRANGER:
      (void)server_ask(&world->server, now_us, true);
      plan(world, now_us + draw_gap_us(world, scenario->strangers) + 1,
           (struct event){.kind = STRANGER});
      break;
  }
}

static void start(struct world *world) {
  const struct scenario *scenario = world->scenario;
  world->server.kind = scenario->kind;
  world->server.rounding = scenario->rounding;
  world->server.limit = scenario->limit;
  world->server.window_us = (int64_t)(scenario->window * 1e6);
  world->server.skew_us = EPOCH_US + (int64_t)(scenario->clock * 1e6);
  world->server.phase_us = (int64_t)draw_between(world, 0, scenario->window * 1e6);
  world->server.silent = scenario->silent;
  server_start(&world->server);
  world->hundredth_us = -1;
  for (uint32_t i = 0; i < scenario->processes; i++)
    start_process(world, i, (int64_t)draw_between(world, 1, 5000));
  if (scenario->kill_every > 0)
    plan(world, (int64_t)(scenario->kill_every * 1e6), (struct event){.kind = KILL});
  if (scenario->strangers > 0)
    plan(world, (int64_t)draw_between(world, 0, 1e6), (struct event){.kind = STRANGER});
}

static void change(struct world *world, bool *changed) {
  if (world->scenario->change_limit) world->server.limit = world->scenario->change_limit;
  world->server.skew_us += (int64_t)(world->scenario->change_clock * 1e6);
  *changed = true;
}

static void run(struct world *world, int64_t duration_us) {
  double change_at = world->scenario->change_at;
  bool changed = change_at <= 0;
  while (world->count && world->events[0].at_us < duration_us && !world->short_of_memory) {
    struct event event = take_next(world);
    if (!changed && (double)event.at_us > change_at * 1e6) change(world, &changed);
    handle(world, &event);
  }
}

static struct scenario with_defaults(const struct scenario *given) {
  struct scenario full = *given;
  if (!full.limit) full.limit = 600;
  if (full.window == 0) full.window = 60;
  if (!full.processes) full.processes = 8;
  if (!full.callers) full.callers = 4;
  if (!full.machines) full.machines = 1;
  if (full.duration == 0) full.duration = 600;
  if (full.round_trip == 0) full.round_trip = 0.03;
  return full;
}

bool world_run(const struct scenario *given, uint64_t seed, struct outcome *outcome) {
  struct scenario scenario = with_defaults(given);
  int64_t duration_us = (int64_t)(scenario.duration * 1e6);
  struct world *world = aligned_alloc(64, (sizeof *world + 63) / 64 * 64);
  if (!world) return false;
  memset(world, 0, sizeof *world);
  world->scenario = &scenario;
  world->random = seed * 0x2545f4914f6cdd1du;
  start(world);
  run(world, duration_us);
  const struct server *server = &world->server;
  *outcome = (struct outcome){
      .used = server_used(server, duration_us),
      .used_min = server->used_min,
      .refused = server->refused,
      .sent = world->sent,
      .windows = server->windows ? server->windows - 1 : 0,
      .first_hundred = world->hundredth_us < 0 ? -1 : (double)world->hundredth_us / 1e6,
  };
  bool done = !world->short_of_memory;
  free(world->events);
  free(world);
  return done;
}
