/* Judges the pacer in simulated time, one row a scenario:
 *
 *     pacing [seeds [part of a name...]]      (20 seeds)
 *
 * Each row runs at the contract's spread of a quarter and at the half the model was tried with, and
 * is held against the model: `used` is the share of the budget used per server window, `429` how
 * often a run was refused. Ends with 1 where a row at the contract's spread is worse than the
 * model's, or misses the goal of one that the model did not have. "Worse" leaves room for chance:
 * three standard errors of the difference between a mean of so many runs and the model's of 100,
 * and 0.0005 of used. Where the model was never refused, a single 429 is worse.
 *
 * The verdict on rare refusals hangs on the seeds. At 100 of them three rows are refused more often
 * than the model: a sliding log with kills and slow answers (24 a run, model 19), the sliding
 * counter (0.26, model 0.09), and two machines (0.09, model none). That is known and not solved.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define MODEL_RUNS 100.0

struct row {
  const char *name;
  double used, used_deviation; /* the model's mean, and the deviation of one run */
  double refused, refused_deviation;
  bool goal; /* the model had no such row: these are what we ask of it */
  struct scenario scenario;
};

#define HOUR 3600.0
#define KILLS .kill_every = 0.2
#define KILLS_AND_CLOCK KILLS, .clock = -HOUR
#define SLOW KILLS_AND_CLOCK, .round_trip = 0.3

static const struct row rows[] = {
#include "rows.h"
};

struct summary {
  double used, used_worst, window_worst, first_hundred, refused;
};

static bool try_row(const struct row *row, double spread, unsigned seeds, struct summary *summary) {
  *summary = (struct summary){.used_worst = 9, .window_worst = 9};
  for (unsigned seed = 0; seed < seeds; seed++) {
    struct scenario scenario = row->scenario;
    struct outcome outcome;
    scenario.config.spread = spread;
    if (!world_run(&scenario, 1000 + seed, &outcome)) return false;
    summary->used += outcome.used / seeds;
    summary->refused += (double)outcome.refused / seeds;
    summary->first_hundred += outcome.first_hundred / seeds;
    summary->used_worst = fmin(summary->used_worst, outcome.used);
    summary->window_worst = fmin(summary->window_worst, outcome.used_min);
  }
  return true;
}

static bool is_worse(const struct row *row, const struct summary *summary, unsigned seeds) {
  double errors = 3 * sqrt(1.0 / seeds + 1 / MODEL_RUNS);
  return summary->used < row->used - 0.0005 - errors * row->used_deviation ||
         summary->refused > row->refused + errors * row->refused_deviation + 1e-9;
}

static bool judge(const struct row *row, unsigned seeds) {
  static const double spreads[] = {TRAIL_PACER_DEFAULT_SPREAD, 0.5};
  bool worse = false;
  for (size_t i = 0; i < sizeof spreads / sizeof *spreads; i++) {
    struct summary summary;
    if (!try_row(row, spreads[i], seeds, &summary)) return false;
    bool bad = is_worse(row, &summary, seeds);
    printf("%-46s %.2f  used %.4f (%s %.4f, worst run %.4f, window %.3f)  429 %.2f (%s %.2f)  "
           "100 in %.2f s%s\n",
           i ? "" : row->name, spreads[i], summary.used, row->goal ? "goal" : "model", row->used,
           summary.used_worst, summary.window_worst, summary.refused, row->goal ? "goal" : "model",
           row->refused, summary.first_hundred, bad ? "  WORSE" : "");
    worse |= bad && i == 0;
  }
  fflush(stdout);
  return !worse;
}

static bool is_wanted(const struct row *row, int count, char **names) {
  for (int i = 0; i < count; i++)
    if (strstr(row->name, names[i])) return true;
  return count <= 0;
}

int main(int argc, char **argv) {
  unsigned seeds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20;
  unsigned worse = 0, judged = 0;
  if (!seeds) return 2;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (!is_wanted(&rows[i], argc - 2, argv + 2)) continue;
    worse += !judge(&rows[i], seeds);
    judged++;
  }
  printf("simulate-pacing: %u scenarios, %u worse than the model\n", judged, worse);
  return worse || !judged ? 1 : 0;
}
