/* What a Lua thread wants the worker to do: a link of the list it is put into. It is part of what it
 * is about, so that asking cannot fail for want of memory. */
#ifndef TRAIL_ENGINE_ERRAND_H
#define TRAIL_ENGINE_ERRAND_H

#include <stdbool.h>
#include <stdint.h>

enum trail_errand_kind {
  TRAIL_ERRAND_NONE,
  TRAIL_ERRAND_SUBMIT,
  TRAIL_ERRAND_CANCEL,
  TRAIL_ERRAND_EXPIRE, /* the time of its batch is over */
  TRAIL_ERRAND_DROP,
  TRAIL_ERRAND_LEAVE,
  TRAIL_ERRAND_CLOSE,
  TRAIL_ERRAND_KEY,
  TRAIL_ERRAND_FALLBACK,
  TRAIL_ERRAND_ANSWERED,
  TRAIL_ERRAND_DEAF,
  TRAIL_ERRAND_POKE /* of a waiter: it shall look, or nobody waits under it any more */
};

struct trail_errand {
  enum trail_errand_kind kind; /* NONE: it is in no list */
  struct trail_errand *next;
  void *subject; /* the call, the client, the desk; with a hold, where there are holds */
  int64_t at_us;
};

#endif
