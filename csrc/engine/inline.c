#include "engine/inline.h"

#include "base/clock.h"
#include "base/signals.h"

/* Why the driver should return, beside its call's end. */
static bool wanted_elsewhere(struct trail_engine *engine, enum trail_inline_end *end) {
  struct trail_news news = trail_engine_news(engine);
  if (news.question)
    *end = TRAIL_INLINE_KEY;
  else if (news.events)
    *end = TRAIL_INLINE_EVENTS;
  else if (news.finished)
    *end = TRAIL_INLINE_FINISHED;
  return news.question || news.events || news.finished;
}

static enum trail_inline_end step_until(struct trail_engine *engine, const struct trail_call *call,
                                        int64_t until_us) {
  struct trail_transport *transport = trail_engine_transport(engine);
  for (;;) {
    int64_t now_us = trail_clock_boot_us();
    trail_engine_advance(engine, now_us);
    if (call && call->state == TRAIL_CALL_DONE) return TRAIL_INLINE_DONE;
    enum trail_inline_end end;
    if (wanted_elsewhere(engine, &end)) return end;
    if (now_us >= until_us) return TRAIL_INLINE_TIME;
    int64_t wake_us = trail_engine_wake_us(engine);
    if (!transport->ops->wait(transport, wake_us < until_us ? wake_us : until_us))
      return TRAIL_INLINE_INTERRUPTED;
  }
}

enum trail_inline_end trail_inline_wait(struct trail_engine *engine, const struct trail_call *call,
                                        int64_t until_us) {
  struct trail_transport *transport = trail_engine_transport(engine);
  sigset_t before;
  trail_signals_hold(&before);
  transport->asleep = &before;
  enum trail_inline_end end = step_until(engine, call, until_us);
  transport->asleep = NULL;
  trail_signals_release(&before);
  return end;
}
