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
#include "engine/worker.h"

void trail_state_register(lua_State *L);

/* The engine, ready for use in this process. TRAIL_NETWORK: no descriptor is left for it,
 * TRAIL_CONFIG: libcurl cannot be used; the fault says so. The second raises where there is none. */
TRAIL_MUST_USE enum trail_status trail_state_open_engine(lua_State *L, struct trail_engine **out);
struct trail_engine *trail_state_engine(lua_State *L);
const char *trail_state_fault(lua_State *L);
/* The same, or NULL where none was made yet. */
struct trail_engine *trail_state_peek(lua_State *L);

/* For finalisers: the engine, or NULL where none was made yet, or where it is another process's.
 * Never raises. */
struct trail_engine *trail_state_own(lua_State *L);

/* The engine's descriptor for a host's loop, from now on kept up to date: whatever moves the engine
 * outside of that loop calls `rearm` afterwards, so that the descriptor is readable when there is
 * something to do. `alarm_us` is when Lua wants to be called itself; TRAIL_NEVER. */
int trail_state_watch(lua_State *L);
void trail_state_set_alarm(lua_State *L, int64_t alarm_us);
void trail_state_rearm(lua_State *L);

/* The state's desk at the worker, whose thread runs from then on. Where it cannot,
 * trail_worker_fault says why, unless that is TRAIL_NO_MEMORY. The second raises then. */
TRAIL_MUST_USE enum trail_status trail_state_open_desk(lua_State *L, struct trail_desk **out);
struct trail_desk *trail_state_desk(lua_State *L);
/* The same, or NULL where there is none; starts nothing. */
struct trail_desk *trail_state_peek_desk(lua_State *L);

/* Raises what a finaliser gets that wants to go on when the Lua state ends. */
int trail_state_raise_over(lua_State *L);

/* Raises TRAIL_NO_MEMORY as Lua would raise it; for statuses that leave a function no other way. */
int trail_state_raise_memory(lua_State *L);

#endif
