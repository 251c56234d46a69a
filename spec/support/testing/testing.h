/* The test-only module `trailmark_testing`: what specs need to see of the C core, and users do not.
 *
 * Each area is a file spec/support/testing/<area>.c that defines `const luaL_Reg
 * trail_testing_<area>[]`, and one line in the list below; Lua finds it as
 * require("trailmark_testing").<area>. The module is linked with every object of csrc/, has its own
 * copy of their statics, and is never installed.
 */
#ifndef TRAIL_TESTING_H
#define TRAIL_TESTING_H

#include <lauxlib.h>
#include <lua.h>

/* clang-format off */
#define TRAIL_TESTING_AREAS(X) \
  X(backoff) \
  X(budgets) \
  X(buffer) \
  X(clock) \
  X(credential) \
  X(engine) \
  X(failing_system) \
  X(failure) \
  X(field) \
  X(fork_mark) \
  X(head) \
  X(host) \
  X(http_date) \
  X(json_mark) \
  X(json_number) \
  X(json_order) \
  X(json_text) \
  X(keyring) \
  X(library) \
  X(link) \
  X(memory) \
  X(memory_scan) \
  X(method) \
  X(oom) \
  X(origin) \
  X(pace_store) \
  X(pacer) \
  X(poller) \
  X(process) \
  X(random) \
  X(retry_budget) \
  X(secret) \
  X(spares) \
  X(status) \
  X(storm) \
  X(target) \
  X(timers) \
  X(transport) \
  X(uuid) \
  X(verdict) \
  X(worker)
/* clang-format on */

#define TRAIL_TESTING_DECLARE(area) extern const luaL_Reg trail_testing_##area[];
TRAIL_TESTING_AREAS(TRAIL_TESTING_DECLARE)
#undef TRAIL_TESTING_DECLARE

#endif
