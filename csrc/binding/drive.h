/* What moves the engine: blocking waits, and the step of a host's loop.
 *
 * C only tells that something is to be done in Lua (a call has ended, a function is to be asked for a
 * key, events are there); doing it is Lua's, between two of these.
 */
#ifndef TRAIL_BINDING_DRIVE_H
#define TRAIL_BINDING_DRIVE_H

#include "binding/compat.h"
#include "engine/inline.h"

/* Adds now, sleep, wait, step, fd, arm and next_finished to the table on top. */
void trail_drive_register(lua_State *L);

/* Blocks until `call` (NULL: none) is done or seconds at `index` are over (none: without end), or
 * until Lua has something to do. */
enum trail_inline_end trail_drive_wait(lua_State *L, const struct trail_call *call, int index);

/* true: `good` was the end; nil: Lua has something to do, then wait again; false: neither. */
int trail_drive_push_end(lua_State *L, enum trail_inline_end end, enum trail_inline_end good);

#endif
