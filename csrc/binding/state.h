/* What one Lua state shares between all of its clients: the engine, and scratch memory.
 *
 * The engine is made at the first call, not at `require`, and made anew in the child of a fork. It
 * lives in a userdata of the registry, so the state's end cancels what is left. The scratch buffer
 * belongs to that userdata too: an error thrown while it is in use leaks nothing.
 */
#ifndef TRAIL_BINDING_STATE_H
#define TRAIL_BINDING_STATE_H

#include "base/buffer.h"
#include "binding/compat.h"
#include "engine/engine.h"

void trail_state_register(lua_State *L);

/* The engine, ready for use in this process. Raises where it cannot be made. */
struct trail_engine *trail_state_engine(lua_State *L);
/* The same, or NULL where none was made yet. */
struct trail_engine *trail_state_peek(lua_State *L);

/* Empty, with a limit of `limit` bytes; valid until the next call of this. */
struct trail_buffer *trail_state_scratch(lua_State *L, size_t limit);

/* Raises TRAIL_NO_MEMORY as Lua would raise it; for statuses that leave a function no other way. */
int trail_state_raise_memory(lua_State *L);

#endif
