/* Calls and the pacer (policy/pacer): who asks it, when again, and what it is told. */
#ifndef TRAIL_ENGINE_PACING_H
#define TRAIL_ENGINE_PACING_H

#include "engine/life.h"

/* Opens the shared state of a client's budget before its first call, while that can be had: later
 * the process may have no files. Where it cannot be had, the first call tells why. */
TRAIL_MUST_USE enum trail_status trail_pacing_prepare(struct trail_client *client, int64_t now_us);

/* Asks for the first call of a line. False: it waits, or has ended because no wait fits its
 * deadline. */
bool trail_pacing_admits(struct trail_engine *engine, struct trail_line *line, int64_t now_us);

/* The call's deadline has come while the pacer held it back. */
void trail_pacing_run_out(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

/* The attempt has ended, or did not begin: its ticket comes back, with what the answer says. */
void trail_pacing_return(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

#endif
