#include "base/signals.h"

#include <pthread.h>
#include <stddef.h>

void trail_signals_hold(sigset_t *before) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
  sigset_t all;
  sigfillset(&all);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
  pthread_sigmask(SIG_BLOCK, &all, before);
}

void trail_signals_release(const sigset_t *before) { pthread_sigmask(SIG_SETMASK, before, NULL); }
