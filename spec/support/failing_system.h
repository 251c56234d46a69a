/* A system that fails when a spec wants it to: a library to be preloaded (LD_PRELOAD), and what the
 * testing module tells it. Without it the symbol is not there. */
#ifndef TRAIL_SPEC_FAILING_SYSTEM_H
#define TRAIL_SPEC_FAILING_SYSTEM_H

#include <stdatomic.h>

struct trail_failing_system {
  int (*refuses_descriptor)(void); /* asked for each that is to be made; true: EMFILE */
  atomic_int full;                 /* the whole system has none: ENFILE */
  atomic_int no_random;            /* getrandom and getentropy fail */
  atomic_int no_threads;           /* pthread_create fails */
  atomic_int slow_ms;              /* it takes so long to make a socket, */
  atomic_int slow;                 /* for so many at the moment */
  atomic_int late_peers;           /* a peer gets a byte, and its address is told when it has gone */
  atomic_int interruptions;        /* so many posix_fallocate end with EINTR first */
  _Atomic long long wall_step_ms;  /* by how much the wall clock is wrong */
};

extern struct trail_failing_system trail_failing_system __attribute__((weak));

#endif
