/* Keeps HAProxy from suspending this library's own functions half-way.
 *
 * HAProxy has a count hook on its coroutines that yields every so many instructions, wherever that
 * is, and other coroutines of the same state run before this one goes on. What they share would be
 * found half-changed. A hook of ours stands before HAProxy's: it lets that go first again as soon as
 * the function that runs is not one of this library's.
 */
#ifndef TRAIL_BINDING_CALM_H
#define TRAIL_BINDING_CALM_H

#include "binding/compat.h"

/* Adds `calm` to the table on top. */
void trail_calm_register(lua_State *L);

#endif
