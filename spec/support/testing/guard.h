/* Parser inputs that end at a page nobody may read: one byte too far is a crash, not a lucky pass.
 *
 * Each argument's place on the Lua stack has its own area, so several inputs of one call can be
 * guarded.
 */
#ifndef TRAIL_TESTING_GUARD_H
#define TRAIL_TESTING_GUARD_H

#include "base/slice.h"
#include "testing.h"

/* The string at `arg` (1 to 8), copied to the end of its area; nil is an absent value, { NULL, 0
 * }. */
struct trail_slice trail_guard_slice(lua_State *L, int arg);

/* Pushes the slice as a string. */
void trail_guard_push(lua_State *L, struct trail_slice slice);

#endif
