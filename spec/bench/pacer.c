/* What a granted pacing decision costs, alone and among eight processes that ask all the time.
 *
 * Beside it stands the least it can cost: one compare-and-swap on a word of shared memory, as often
 * and from as many processes. Each figure is the median of several rounds that alternate between
 * the two.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/pacer.h"

enum { ROUNDS = 9, DECISIONS = 200000, CONTENDERS = 8 };

struct shared {
  struct trail_pace pace;
  _Alignas(64) _Atomic uint64_t word;
  _Alignas(64) atomic_int ready;
  atomic_int go;
};

/* So large a window that every decision is granted. */
static const struct trail_pacer_config config = {.spread = 0};
#define NOW_US INT64_C(2000000)

static void open_window(struct trail_pace *pace) {
  struct trail_pacer_ticket ticket;
  struct trail_pacer_answer answer = {.has_rate = true,
                                      .rate = {UINT32_MAX, UINT32_MAX, 1700000060},
                                      .date = 1700000000,
                                      .http_status = 200,
                                      .retry_after_ms = -1};
  memset(pace, 0, sizeof *pace);
  (void)trail_pacer_admit(pace, &config, NOW_US - 1000, TRAIL_PACER_NORMAL, &ticket);
  trail_pacer_feedback(pace, &config, NOW_US, &ticket, &answer);
}

static double clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ---- the two that are compared --------------------------------------------------------------- */

static void decide(struct shared *shared) {
  struct trail_pacer_ticket ticket;
  for (int i = 0; i < DECISIONS; i++)
    if (trail_pacer_admit(&shared->pace, &config, NOW_US, TRAIL_PACER_NORMAL, &ticket) != 0)
      abort();
}

static void swap(struct shared *shared) {
  for (int i = 0; i < DECISIONS; i++) {
    uint64_t seen = atomic_load_explicit(&shared->word, memory_order_acquire);
    while (!atomic_compare_exchange_strong(&shared->word, &seen, seen + 1)) continue;
  }
}

/* ---- measuring ------------------------------------------------------------------------------- */

static double alone_ns(struct shared *shared, void (*work)(struct shared *)) {
  double began = clock_ns();
  work(shared);
  return (clock_ns() - began) / DECISIONS;
}

static _Noreturn void contend(struct shared *shared, void (*work)(struct shared *)) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  atomic_fetch_add(&shared->ready, 1);
  while (!atomic_load(&shared->go)) usleep(100);
  work(shared);
  _exit(0);
}

/* The processor's time a decision took, with fewer processors than processes: the whole time, by
 * all that was decided in it, for each processor. */
static double together_ns(struct shared *shared, void (*work)(struct shared *)) {
  pid_t processes[CONTENDERS];
  atomic_store(&shared->ready, 0);
  atomic_store(&shared->go, 0);
  for (int i = 0; i < CONTENDERS; i++) {
    processes[i] = fork();
    if (processes[i] < 0) exit(2);
    if (processes[i] == 0) contend(shared, work);
  }
  while (atomic_load(&shared->ready) < CONTENDERS) usleep(100);
  double began = clock_ns();
  atomic_store(&shared->go, 1);
  for (int i = 0; i < CONTENDERS; i++) waitpid(processes[i], NULL, 0);
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (processors > CONTENDERS) processors = CONTENDERS;
  return (clock_ns() - began) * (double)processors / ((double)CONTENDERS * DECISIONS);
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* A ratio above 1 is within the goal. */
static void compare(const char *name, double goal_ns, struct shared *shared,
                    double (*measure)(struct shared *, void (*)(struct shared *))) {
  double ours[ROUNDS], least[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    open_window(&shared->pace);
    ours[i] = measure(shared, decide);
    least[i] = measure(shared, swap);
  }
  qsort(ours, ROUNDS, sizeof *ours, by_size);
  qsort(least, ROUNDS, sizeof *least, by_size);
  double median = ours[ROUNDS / 2];
  printf("  %-24s ours %7.1f  goal %4.0f  a compare-and-swap %7.1f\n", name, median, goal_ns,
         least[ROUNDS / 2]);
  printf("bench %s ratio=%.3f ours=%.2f peer=%.2f unit=ns\n", name, goal_ns / median, median,
         goal_ns);
}

int main(void) {
  struct shared *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  printf("a granted pacing decision, alone and among %d processes, ns (the peer is the goal)\n",
         CONTENDERS);
  compare("pace-admit", 50, shared, alone_ns);
  compare("pace-admit-contended", 250, shared, together_ns);
  return 0;
}
