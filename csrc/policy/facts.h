/* What an answer's head tells the policy: rate limit, waits, dates, ids.
 *
 * A field that stands twice, is folded, or breaks its grammar is absent (policy/field). Rate-limit
 * fields of an answer that a cache has kept (Age above 0) speak of the past and are absent too.
 */
#ifndef TRAIL_POLICY_FACTS_H
#define TRAIL_POLICY_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "policy/field.h"
#include "policy/head.h"

struct trail_facts {
  bool has_rate;
  struct trail_rate_fields rate;
  int64_t date;                  /* Unix time by the server's clock; -1 absent */
  int64_t retry_after_ms;        /* from the answer's arrival; -1 absent */
  struct trail_slice request_id; /* a view into the head */
};

/* `now` is Unix time, for two-digit years and for a Retry-After date of an answer without Date. */
void trail_facts_read(const struct trail_head *head, int64_t now, struct trail_facts *facts);

#endif
