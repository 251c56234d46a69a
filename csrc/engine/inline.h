/* The inline driver: the thread that waits for a call moves the engine itself. */
#ifndef TRAIL_ENGINE_INLINE_H
#define TRAIL_ENGINE_INLINE_H

#include "engine/engine.h"

enum trail_inline_end {
  TRAIL_INLINE_DONE,       /* the call is done */
  TRAIL_INLINE_KEY,        /* a function has to be asked for a key before some call can go on */
  TRAIL_INLINE_TIME,       /* `until_us` has come */
  TRAIL_INLINE_EVENTS,     /* something has happened that a listener wants to know */
  TRAIL_INLINE_FINISHED,   /* announced calls are done, and nobody has taken them yet */
  TRAIL_INLINE_INTERRUPTED /* a signal: let its handler run, then wait again */
};

/* `call` NULL: until the time, or until another of these happens. */
enum trail_inline_end trail_inline_wait(struct trail_engine *engine, const struct trail_call *call,
                                        int64_t until_us);

#endif
