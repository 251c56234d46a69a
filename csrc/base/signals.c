#include "base/signals.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

static _Thread_local sigset_t before;
static _Thread_local bool held;

void trail_signals_hold(void) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
  sigset_t all;
  sigfillset(&all);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
  held = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
}

void trail_signals_release(void) {
  if (!held) return;
  held = false;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

const sigset_t *trail_signals_asleep(void) { return held ? &before : NULL; }
