#include "fault_plan.h"

#include <stdlib.h>
#include <string.h>

static const char *const verbs[] = {
#define FAULT_VERB_NAME(name, text) text,
    FAULT_VERBS(FAULT_VERB_NAME)
#undef FAULT_VERB_NAME
};

static bool find_verb(const char *line, size_t size, enum fault_verb *verb) {
  for (int i = 0; i < FAULT_VERB_COUNT; i++) {
    if (strlen(verbs[i]) != size || memcmp(verbs[i], line, size) != 0) continue;
    *verb = (enum fault_verb)i;
    return true;
  }
  return false;
}

static bool read_bytes(struct fault_step *step, FILE *from) {
  step->bytes = malloc(step->size + 1);
  if (!step->bytes || fread(step->bytes, 1, step->size, from) != step->size) return false;
  step->bytes[step->size] = '\0';
  return true;
}

static bool read_step(struct fault_step *step, const char *line, FILE *from) {
  size_t verb_size = strcspn(line, " \n");
  if (!find_verb(line, verb_size, &step->verb)) return false;
  char *at = (char *)line + verb_size;
  for (int i = 0; i < 3; i++) step->numbers[i] = strtol(at, &at, 10);
  const char *mark = strchr(line, '#');
  if (!mark) return true;
  step->size = strtoul(mark + 1, NULL, 10);
  return read_bytes(step, from);
}

bool fault_plan_add(struct fault_plan *plan, const char *line, FILE *from) {
  struct fault_step *steps = realloc(plan->steps, (plan->count + 1) * sizeof *steps);
  if (!steps) return false;
  plan->steps = steps;
  struct fault_step *step = &steps[plan->count++];
  memset(step, 0, sizeof *step);
  return read_step(step, line, from);
}

void fault_plan_clear(struct fault_plan *plan) {
  for (size_t i = 0; i < plan->count; i++) free(plan->steps[i].bytes);
  free(plan->steps);
  memset(plan, 0, sizeof *plan);
}
