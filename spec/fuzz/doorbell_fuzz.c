/* The doorbell and the desks behind it: guests connect, ring, say what they like and leave, while
 * calls end and waiters are poked and lost. What a guest says is held against the book; nobody
 * waits who has news, each answer goes to one who waits for it, and a time is kept.
 *
 * Each line of the input is a step, its first letter; a digit behind it is the guest or waiter:
 *   c   a guest connects                     s0 text  guest 0 says that ("/" is a line feed)
 *   x0  guest 0 leaves                       r0 3 9   guest 0 rings for waiter 3, for 9 ms at most
 *   o   a waiter; O: one of a second desk    p0       waiter 0 is poked by its Lua thread
 *   l0  waiter 0's coroutine is ended        k0       so it is by the worker
 *   e0  a call of waiter 0 ends; e: nobody's n        a Lua thread takes what has ended
 *   t9  9 ms pass                            f        the next guest cannot be watched
 *   z0  a guest finds no memory for him; z1: no descriptor is left for one; z2: nor by the spare
 *   w0  waiter 0 waits without a line, on the connection that is known as its own
 *   i0  waiter 0 notes what it has seen; R and W are r and w of one who has done so before
 * Behind a step of a Lua thread, or an "e", a "+" leaves the worker busy: what it has to answer is
 * answered behind a later step.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/desk.h"
#include "fuzz.h"
#include "net/doorbell.h"

enum {
  GUESTS = 8,
  WAITERS = 10,
  CALLS = 32,
  DESKS = 2,
  LINE = 72,
  FDS = 1024,
  DEAF_FOR_US = 50000
};

/* In place of that of base/, by the linker's --wrap. */
static int64_t now_us;
int64_t __wrap_trail_clock_boot_us(void);
int64_t __wrap_trail_clock_boot_us(void) { return now_us; }

/* How often accept4 fails from now on, and with what. */
static int failures, failure;
int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
  if (!failures) return __real_accept4(fd, address, size, flags);
  failures--;
  errno = failure;
  return -1;
}

/* What a guest has said, by the book. */
struct guest {
  int ours, theirs; /* -1: it was not let in ... */
  bool knocks;      /* ... yet */
  char line[LINE];
  size_t filled;
  bool waits;
  uint64_t known;                  /* the waiter whose latest connection it is; 0: nobody's */
  uint64_t number, seen, until_us; /* as its latest line says */
};

struct waiter {
  uint64_t number; /* 0: lost */
  int desk;
  bool listens;  /* it waits without a line ... */
  uint64_t seen; /* ... and has seen so much */
};

struct world {
  struct trail_transport transport; /* first */
  struct trail_doorbell *bell;
  struct trail_desk *desks[DESKS];
  struct guest guests[GUESTS];
  struct waiter waiters[WAITERS];
  struct trail_call calls[CALLS];
  struct trail_job jobs[CALLS];
  struct trail_errand *errands;
  uint64_t owed[CALLS]; /* who has to hear that a call has ended */
  int guest_count, waiter_count, call_count, owed_count;
  int listener;
  bool watched[FDS], refuse;
  int64_t deaf_until_us;
  unsigned put[DESKS], taken[DESKS]; /* calls */
};

/* ---- the transport --------------------------------------------------------------------------- */

static struct guest *first_who_knocks(struct world *world) {
  for (int i = 0; i < world->guest_count; i++)
    if (world->guests[i].knocks) return &world->guests[i];
  return NULL;
}

static enum trail_status watch(struct trail_transport *base, int fd) {
  struct world *world = (struct world *)base;
  bool refused = world->refuse && world->listener >= 0;
  CHECK(fd >= 0 && fd < FDS && !world->watched[fd]);
  if (refused) world->refuse = false;
  if (world->listener < 0) world->listener = fd;
  if (fd == world->listener) {
    world->deaf_until_us = refused ? now_us + DEAF_FOR_US : TRAIL_NEVER;
  } else {
    struct guest *guest = first_who_knocks(world);
    CHECK(guest != NULL);
    guest->knocks = false;
    if (!refused) guest->theirs = fd;
  }
  world->watched[fd] = !refused;
  return refused ? TRAIL_NO_MEMORY : TRAIL_OK;
}

static void unwatch(struct trail_transport *base, int fd) {
  struct world *world = (struct world *)base;
  CHECK(world->watched[fd]);
  world->watched[fd] = false;
  if (fd == world->listener) world->deaf_until_us = now_us + DEAF_FOR_US;
}

/* ---- guests ---------------------------------------------------------------------------------- */

static void connect_guest(struct world *world) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  const char *name = strchr(trail_doorbell_address(world->bell), '@') + 1;
  if (world->guest_count == GUESTS) return;
  struct guest *guest = &world->guests[world->guest_count++];
  *guest = (struct guest){
      .ours = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), .theirs = -1, .knocks = true};
  memcpy(at.sun_path + 1, name, strlen(name));
  CHECK(connect(guest->ours, (struct sockaddr *)&at, sizeof at) == 0);
}

static void leave(struct guest *guest) {
  guest->waits = false;
  guest->known = 0;
  guest->theirs = -1;
}

/* A waiter has its latest connection alone. */
static void adopt(struct world *world, struct guest *guest) {
  for (int i = 0; i < world->guest_count; i++) {
    struct guest *other = &world->guests[i];
    if (other == guest || other->known != guest->number) continue;
    other->known = 0;
    other->waits = false;
  }
  guest->known = guest->number;
  guest->waits = true;
}

static bool take_number(const char **at, char end, uint64_t *number) {
  int digits = 0;
  for (*number = 0; **at >= '0' && **at <= '9'; digits++)
    *number = *number * 10 + (uint64_t)(**at - '0'), ++*at;
  return digits >= 1 && digits <= 19 && *(*at)++ == end;
}

/* Whether what it has said is a whole line, and a good one. */
static bool rings(struct guest *guest) {
  const char *at = guest->line;
  return take_number(&at, ' ', &guest->number) && take_number(&at, ' ', &guest->seen) &&
         take_number(&at, '\n', &guest->until_us) && guest->number && guest->until_us <= INT64_MAX;
}

/* One read of the doorbell's. False: the guest is shown out. */
static bool reads(struct guest *guest, struct trail_slice *pending, bool *rang) {
  size_t room = LINE - guest->filled, size = pending->size < room ? pending->size : room;
  memcpy(guest->line + guest->filled, pending->bytes, size);
  *pending = trail_slice_from(*pending, size);
  guest->filled += size;
  const char *end = memchr(guest->line, '\n', guest->filled);
  *rang = false;
  if (!end) return guest->filled < LINE;
  if (end + 1 != guest->line + guest->filled || guest->waits || !rings(guest)) return false;
  guest->filled = 0;
  return *rang = true;
}

static void answer(struct world *world, uint64_t number);
static bool hush(struct world *world, uint64_t number);

/* As the worker does. */
static void hear(struct world *world, const struct guest *is, bool expected, bool gone) {
  struct trail_doorbell_ring ring;
  bool heard = trail_doorbell_hear(world->bell, is->theirs, &ring);
  CHECK(heard == expected);
  if (!heard) return;
  CHECK(ring.gone == gone && ring.waiter == is->known);
  if (gone) {
    CHECK(ring.waited == is->waits);
    (void)hush(world, ring.waiter); /* the worker ends the calls of who has waited */
    return;
  }
  CHECK(ring.seen == is->seen);
  if (trail_desk_concerns(ring.waiter, ring.seen)) answer(world, ring.waiter);
}

static void say(struct world *world, struct guest *guest, struct trail_slice bytes) {
  bool rang;
  if (guest->theirs < 0 || guest->ours < 0 || !bytes.size) return;
  CHECK(send(guest->ours, bytes.bytes, bytes.size, MSG_NOSIGNAL) == (ssize_t)bytes.size);
  while (bytes.size && guest->theirs >= 0) {
    bool stays = reads(guest, &bytes, &rang);
    if (rang) adopt(world, guest);
    hear(world, guest, rang || !stays, !stays);
    if (!stays) leave(guest);
  }
}

static void hang_up(struct world *world, struct guest *guest) {
  if (guest->ours < 0) return;
  close(guest->ours);
  guest->ours = -1;
  if (guest->theirs < 0) return;
  hear(world, guest, true, true);
  leave(guest);
}

/* Whoever knocks is let in, turned away, or the bell is deaf; one who has left since is shown out. */
static void answer_door(struct world *world) {
  struct trail_doorbell_ring ring;
  while (world->watched[world->listener] && first_who_knocks(world))
    CHECK(!trail_doorbell_hear(world->bell, world->listener, &ring));
  for (int i = 0; i < world->guest_count; i++) {
    struct guest *guest = &world->guests[i];
    if (guest->ours >= 0 || guest->theirs < 0) continue;
    hear(world, guest, true, true);
    leave(guest);
  }
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool waits_for(const struct world *world, uint64_t number) {
  for (int i = 0; i < world->guest_count; i++)
    if (world->guests[i].waits && world->guests[i].known == number) return true;
  return false;
}

static bool is_known(const struct world *world, uint64_t number) {
  for (int i = 0; i < world->guest_count; i++)
    if (world->guests[i].known == number) return true;
  return false;
}

/* One who has been answered has a line with his number, and does not wait any more. Who waits
 * without having sent one is the one who is rung for, 0: nobody. */
static int collect_answers(struct world *world, uint64_t rung) {
  char line[64], expected[64];
  int count = 0;
  for (int i = 0; i < world->guest_count; i++) {
    struct guest *guest = &world->guests[i];
    ssize_t size = guest->ours >= 0 ? recv(guest->ours, line, sizeof line, 0) : -1;
    if (size < 0) continue;
    if (size == 0) {
      CHECK(guest->theirs < 0);
      continue;
    }
    int length = snprintf(expected, sizeof expected, "%llu\n", (unsigned long long)guest->known);
    CHECK(guest->waits || (rung && guest->known == rung));
    CHECK(size == length && memcmp(line, expected, (size_t)size) == 0);
    guest->waits = false;
    count++;
  }
  return count;
}

static struct waiter *waiter_of(struct world *world, uint64_t number) {
  for (int i = 0; i < world->waiter_count; i++)
    if (number && world->waiters[i].number == number) return &world->waiters[i];
  return NULL;
}

static bool hush(struct world *world, uint64_t number) {
  struct waiter *waiter = waiter_of(world, number);
  bool listened = trail_desk_hush(number);
  CHECK(listened == (waiter && waiter->listens));
  if (waiter) waiter->listens = false;
  return listened;
}

static void answer(struct world *world, uint64_t number) {
  bool listened = hush(world, number);
  bool expected = listened ? is_known(world, number) : waits_for(world, number);
  if (listened)
    trail_doorbell_ring(world->bell, number);
  else
    trail_doorbell_answer(world->bell, number);
  CHECK(collect_answers(world, listened ? number : 0) == expected);
}

static void poke(struct world *world, uint64_t number) {
  if (number && trail_desk_poke(number)) answer(world, number);
}

/* ---- desks ----------------------------------------------------------------------------------- */

static void open_waiter(struct world *world, int desk) {
  if (world->waiter_count == WAITERS) return;
  struct waiter *waiter = &world->waiters[world->waiter_count++];
  *waiter = (struct waiter){.desk = desk};
  waiter->number = trail_desk_open_waiter(world->desks[desk]);
  CHECK(waiter->number != 0);
}

static void list(struct world *world, struct trail_errand *errand) {
  struct trail_errand **at = &world->errands;
  if (!errand || errand->kind != TRAIL_ERRAND_NONE) return;
  *errand = (struct trail_errand){.kind = TRAIL_ERRAND_POKE, .subject = errand};
  while (*at) at = &(*at)->next;
  *at = errand;
}

/* No errand where it is going to look anyhow: then it does not wait, unless it is about to hear. */
static void poke_by_lua(struct world *world, struct waiter *waiter) {
  bool about_to_hear = world->owed_count || world->errands;
  trail_desk_lock();
  struct trail_errand *errand = trail_desk_poke_locked(waiter->number);
  list(world, errand);
  trail_desk_unlock();
  if (!errand && waiter->number && !about_to_hear)
    CHECK(!waiter->listens && !waits_for(world, waiter->number));
}

static void lose(struct world *world, struct waiter *waiter) {
  trail_desk_lock();
  struct trail_errand *errand = trail_desk_lose_locked(waiter->number);
  CHECK((errand != NULL) == (waiter->number != 0));
  list(world, errand);
  trail_desk_unlock();
  waiter->number = 0;
  waiter->listens = false;
}

/* What a busy worker has left. */
static void catch_up(struct world *world) {
  for (int i = 0; i < world->owed_count; i++) answer(world, world->owed[i]);
  world->owed_count = 0;
  while (world->errands) {
    struct trail_errand *errand = world->errands;
    bool lost;
    uint64_t shared;
    world->errands = errand->next;
    uint64_t number = trail_desk_poked(errand, &lost, &shared);
    if (!lost) answer(world, number);
  }
}

static void end_call(struct world *world, const struct waiter *waiter) {
  if (world->call_count == CALLS) return;
  struct trail_call *call = &world->calls[world->call_count];
  struct trail_job *job = &world->jobs[world->call_count++];
  int desk = waiter ? waiter->desk : 0;
  *job = (struct trail_job){.call = call, .desk = world->desks[desk]};
  call->job = job;
  if (waiter) CHECK(trail_desk_await(call, waiter->number));
  uint64_t number = trail_desk_put(call);
  CHECK(number == (waiter ? waiter->number : 0));
  CHECK(!trail_desk_await(call, 0) && trail_desk_waiter_of(call) == number);
  world->put[desk]++;
  if (number) world->owed[world->owed_count++] = number;
}

/* In the order of their ends. */
static void take_calls(struct world *world, int desk) {
  const struct trail_call *last = NULL;
  for (struct trail_call *call; (call = trail_desk_next(world->desks[desk])); last = call) {
    CHECK(call->job->desk == world->desks[desk] && call > last);
    world->taken[desk]++;
  }
  CHECK(world->put[desk] == world->taken[desk]);
}

static void intend(struct world *world, struct waiter *waiter) {
  if (!waiter->number || waits_for(world, waiter->number)) return;
  waiter->seen = trail_desk_asks(world->desks[waiter->desk], waiter->number);
  waiter->listens = false;
}

static void ring(struct world *world, struct guest *guest, unsigned which, int64_t for_ms) {
  char line[LINE];
  if ((int)which >= world->waiter_count || guest->waits || guest->filled) return;
  struct waiter *waiter = &world->waiters[which];
  if (!waiter->number || waiter->listens || waits_for(world, waiter->number)) return;
  uint64_t seen = trail_desk_asked(waiter->number);
  CHECK(seen == waiter->seen);
  int size = snprintf(line, sizeof line, "%llu %llu %lld\n", (unsigned long long)waiter->number,
                      (unsigned long long)seen, for_ms ? (long long)(now_us + for_ms * 1000) : 0LL);
  say(world, guest, trail_slice_of(line, (size_t)size));
}

static void wait_in_silence(struct world *world, struct waiter *waiter) {
  if (!waiter->number || waiter->listens) return;
  if (!is_known(world, waiter->number) || waits_for(world, waiter->number)) return;
  bool news = trail_desk_concerns(waiter->number, waiter->seen);
  trail_desk_lock();
  waiter->listens = trail_desk_listens_locked(waiter->number);
  trail_desk_unlock();
  CHECK(waiter->listens == !news);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check(struct world *world) {
  int64_t first_us = TRAIL_NEVER;
  for (int i = 0; i < world->waiter_count; i++) {
    const struct waiter *waiter = &world->waiters[i];
    CHECK(!waiter->listens || !trail_desk_concerns(waiter->number, waiter->seen));
  }
  for (int i = 0; i < world->guest_count; i++) {
    const struct guest *guest = &world->guests[i];
    if (!guest->waits) continue;
    CHECK(!waiter_of(world, guest->known) || !trail_desk_concerns(guest->known, guest->seen));
    if (guest->until_us && (int64_t)guest->until_us < first_us) first_us = (int64_t)guest->until_us;
  }
  if (world->deaf_until_us < first_us) first_us = world->deaf_until_us;
  CHECK(trail_doorbell_wake_us(world->bell) == first_us);
}

static void pass_time(struct world *world, unsigned ms) {
  now_us += (int64_t)ms * 1000;
  trail_doorbell_advance(world->bell, now_us);
  (void)collect_answers(world, 0);
  for (int i = 0; i < world->guest_count; i++) {
    const struct guest *guest = &world->guests[i];
    CHECK(!guest->waits || !guest->until_us || (int64_t)guest->until_us > now_us);
  }
}

/* ---- the input ------------------------------------------------------------------------------- */

static unsigned digit_at(struct trail_slice line, size_t at) {
  return line.size > at ? ((unsigned)line.bytes[at] & 15) : 0;
}

static void say_text(struct world *world, struct guest *guest, struct trail_slice text) {
  char *copy = fuzz_copy(text);
  for (size_t i = 0; i < text.size; i++)
    if (copy[i] == '/') copy[i] = '\n';
  say(world, guest, trail_slice_of(copy, text.size < 4096 ? text.size : 4096));
  free(copy);
}

static void ring_for(struct world *world, struct guest *guest, struct trail_slice line) {
  unsigned which = digit_at(line, 3);
  bool intends = line.bytes[0] == 'r' && (int)which < world->waiter_count;
  if (intends && !guest->waits && !guest->filled) intend(world, &world->waiters[which]);
  ring(world, guest, which, digit_at(line, 5));
}

static void step(struct world *world, struct trail_slice line) {
  unsigned which = digit_at(line, 1);
  struct guest *guest = (int)which < world->guest_count ? &world->guests[which] : NULL;
  struct waiter *waiter = (int)which < world->waiter_count ? &world->waiters[which] : NULL;
  switch (line.size ? line.bytes[0] : '\0') {
    case 'c':
      connect_guest(world);
      break;
    case 'f':
      world->refuse = true;
      break;
    case 'z':
      failures = which == 2 ? 2 : 1;
      failure = which ? EMFILE : ENOMEM;
      break;
    case 's':
      if (guest && line.size > 3) say_text(world, guest, trail_slice_from(line, 3));
      break;
    case 'r':
    case 'R':
      if (guest) ring_for(world, guest, line);
      break;
    case 'i':
      if (waiter) intend(world, waiter);
      break;
    case 'x':
      if (guest) hang_up(world, guest);
      break;
    case 'o':
    case 'O':
      open_waiter(world, line.bytes[0] == 'O');
      break;
    case 'p':
      if (waiter) poke_by_lua(world, waiter);
      break;
    case 'k':
      if (waiter) poke(world, waiter->number);
      break;
    case 'l':
      if (waiter) lose(world, waiter);
      break;
    case 'w':
    case 'W':
      if (waiter && line.bytes[0] == 'w' && !waiter->listens) intend(world, waiter);
      if (waiter) wait_in_silence(world, waiter);
      break;
    case 'e':
      end_call(world, waiter && waiter->number ? waiter : NULL);
      break;
    case 'n':
      take_calls(world, which & 1);
      break;
    case 't':
      pass_time(world, which);
      break;
    default:
      break;
  }
}

/* Whether the worker comes to nothing else meanwhile; a step of its own it does at once. */
static bool leaves_it_busy(struct trail_slice line) {
  return line.size > 1 && line.bytes[line.size - 1] == '+' && strchr("eilnopwWO", line.bytes[0]);
}

static void take_step(struct world *world, struct trail_slice line) {
  bool busy = leaves_it_busy(line);
  if (!busy) catch_up(world);
  step(world, line);
  if (!busy) answer_door(world);
  if (!busy) catch_up(world);
  CHECK(collect_answers(world, 0) == 0);
  if (!busy) check(world);
}

/* What nobody has taken goes with its desk, but these calls are not its to free. */
static void close_world(struct world *world) {
  for (int i = 0; i < DESKS; i++) take_calls(world, i);
  trail_doorbell_close(world->bell);
  for (int i = 0; i < world->guest_count; i++) {
    char rest[LINE];
    int fd = world->guests[i].ours;
    if (fd < 0) continue;
    ssize_t size = recv(fd, rest, sizeof rest, 0);
    CHECK(size == 0 || (size < 0 && errno == ECONNRESET));
    close(fd);
  }
  for (int i = 0; i < FDS; i++) CHECK(!world->watched[i]);
  for (int i = 0; i < DESKS; i++) trail_desk_destroy(world->desks[i]);
  for (int i = 0; i < world->waiter_count; i++)
    CHECK(!world->waiters[i].number || trail_desk_concerns(world->waiters[i].number, UINT64_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct trail_transport_ops ops = {.watch = watch, .unwatch = unwatch};
  struct trail_slice rest = trail_slice_of((const char *)data, size);
  struct world *world = calloc(1, sizeof *world);
  CHECK(world != NULL);
  world->transport.ops = &ops;
  world->listener = -1;
  world->deaf_until_us = TRAIL_NEVER;
  failures = 0;
  now_us = 1000000;
  CHECK(trail_doorbell_open(&world->transport, TRAIL_DOORBELL_ABSTRACT, &world->bell) == TRAIL_OK);
  for (int i = 0; i < DESKS; i++) CHECK(trail_desk_create(&world->desks[i]) == TRAIL_OK);
  while (rest.size) take_step(world, fuzz_line(&rest));
  catch_up(world);
  check(world);
  close_world(world);
  free(world);
  return 0;
}
