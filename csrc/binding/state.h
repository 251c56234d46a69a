/* What one Lua state shares between all of its clients: the engine.
 *
 * It is made at the first call, not at `require`, and made anew in the child of a fork. It lives in
 * a userdata of the registry, so the state's end cancels what is left; finalisers that come later
 * find none and make none.
 */
#ifndef TRAIL_BINDING_STATE_H
#define TRAIL_BINDING_STATE_H

#include "binding/compat.h"
#include "engine/engine.h"

void trail_state_register(lua_State *L);

/* The engine, ready for use in this process. Raises where it cannot be made. */
struct trail_engine *trail_state_engine(lua_State *L);
/* The same, or NULL where none was made yet. */
struct trail_engine *trail_state_peek(lua_State *L);

/* Raises what a finaliser gets that wants to go on when the Lua state ends. */
int trail_state_raise_over(lua_State *L);

/* Raises TRAIL_NO_MEMORY as Lua would raise it; for statuses that leave a function no other way. */
int trail_state_raise_memory(lua_State *L);

#endif
