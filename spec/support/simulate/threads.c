/* Many threads on one pacing state, for ThreadSanitizer and for the sum: every place that was taken
 * is counted, none is granted twice, and what was given back can be taken again.
 *
 * Ends with 1 where the books do not balance.
 */
#include <pthread.h>
#include <stdio.h>

#include "policy/pacer.h"

enum { THREADS = 8, LIMIT = 100000, ATTEMPTS = 40000, RESET = 1700000060 };

static struct trail_pace pace;
static const struct trail_pacer_config config = {.spread = 0};
static atomic_uint granted, given_back, arrived;

static struct trail_pacer_answer answer(uint32_t used) {
  return (struct trail_pacer_answer){.has_rate = true,
                                     .rate = {LIMIT, used < LIMIT ? LIMIT - used : 0, RESET},
                                     .date = RESET - 60,
                                     .http_status = 200,
                                     .retry_after_ms = -1};
}

/* Every third is given back, every fifth gets no answer; the others hear the server's count. */
static void *take_part(void *context) {
  (void)context;
  for (int i = 0; i < ATTEMPTS; i++) {
    struct trail_pacer_ticket ticket;
    struct trail_pacer_view view;
    int64_t now_us = 2000000 + i;
    if (trail_pacer_admit(&pace, &config, now_us, TRAIL_PACER_NORMAL, &ticket) != 0) break;
    if (i % 3 == 0) {
      atomic_fetch_add(&given_back, 1);
      trail_pacer_refund(&pace, &ticket);
      continue;
    }
    atomic_fetch_add(&granted, 1);
    struct trail_pacer_answer heard = answer(atomic_fetch_add(&arrived, 1) + 1);
    if (i % 5) trail_pacer_feedback(&pace, &config, now_us + 10, &ticket, &heard);
    trail_pacer_view(&pace, &config, now_us, &view);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  struct trail_pacer_ticket ticket;
  struct trail_pacer_answer first = answer(0);
  struct trail_pacer_view view;
  (void)trail_pacer_admit(&pace, &config, 1000000, TRAIL_PACER_NORMAL, &ticket);
  trail_pacer_feedback(&pace, &config, 1000010, &ticket, &first);
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, take_part, NULL) != 0) return 2;
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  trail_pacer_view(&pace, &config, 2000000, &view);
  uint32_t counted = LIMIT - view.remaining, sum = atomic_load(&granted);
  printf("threads: %u granted, %u given back, %u counted\n", sum, atomic_load(&given_back),
         counted);
  return sum == counted && sum == LIMIT ? 0 : 1;
}
