#include "engine/timers.h"

#include <string.h>

#include "base/memory.h"

enum trail_status trail_timers_reserve(struct trail_timers *timers, size_t count) {
  if (count <= timers->capacity) return TRAIL_OK;
  size_t capacity = timers->capacity ? timers->capacity : 16;
  while (capacity < count) capacity *= 2;
  struct trail_timer **heap = trail_memory_alloc(capacity * sizeof *heap);
  if (!heap) return TRAIL_NO_MEMORY;
  if (timers->count) memcpy(heap, timers->heap, timers->count * sizeof *heap);
  trail_memory_free(timers->heap);
  timers->heap = heap;
  timers->capacity = capacity;
  return TRAIL_OK;
}

void trail_timers_clear(struct trail_timers *timers) {
  trail_memory_free(timers->heap);
  memset(timers, 0, sizeof *timers);
}

static void put(struct trail_timers *timers, size_t place, struct trail_timer *timer) {
  timers->heap[place] = timer;
  timer->place = place;
}

static void rise(struct trail_timers *timers, size_t place) {
  struct trail_timer *timer = timers->heap[place];
  while (place > 0) {
    size_t parent = (place - 1) / 2;
    if (timers->heap[parent]->at_us <= timer->at_us) break;
    put(timers, place, timers->heap[parent]);
    place = parent;
  }
  put(timers, place, timer);
}

static void sink(struct trail_timers *timers, size_t place) {
  struct trail_timer *timer = timers->heap[place];
  for (size_t child; (child = 2 * place + 1) < timers->count; place = child) {
    if (child + 1 < timers->count && timers->heap[child + 1]->at_us < timers->heap[child]->at_us)
      child++;
    if (timer->at_us <= timers->heap[child]->at_us) break;
    put(timers, place, timers->heap[child]);
  }
  put(timers, place, timer);
}

void trail_timers_set(struct trail_timers *timers, struct trail_timer *timer, int64_t at_us) {
  if (timer->place == TRAIL_TIMER_UNSET) put(timers, timers->count++, timer);
  timer->at_us = at_us;
  rise(timers, timer->place);
  sink(timers, timer->place);
}

void trail_timers_unset(struct trail_timers *timers, struct trail_timer *timer) {
  size_t place = timer->place;
  if (place == TRAIL_TIMER_UNSET) return;
  timer->place = TRAIL_TIMER_UNSET;
  struct trail_timer *last = timers->heap[--timers->count];
  if (last == timer) return;
  put(timers, place, last);
  rise(timers, place);
  sink(timers, last->place);
}

struct trail_timer *trail_timers_first(const struct trail_timers *timers) {
  return timers->count ? timers->heap[0] : NULL;
}
