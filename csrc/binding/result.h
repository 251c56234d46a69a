/* A finished call as Lua values: the response, or the fields an error is made of. */
#ifndef TRAIL_BINDING_RESULT_H
#define TRAIL_BINDING_RESULT_H

#include "binding/compat.h"
#include "engine/call.h"

/* Pushes ok, body, response, and whether the body's end may be that of a connection cut off. */
int trail_result_push(lua_State *L, const struct trail_call *call);

/* Pushes the fields of lua/trailmark/errors.lua's `errors.new`, the body left out. `kind` and
 * `message` override the call's own where not NULL. */
void trail_result_push_failure(lua_State *L, const struct trail_call *call, const char *kind,
                               const char *message);

#endif
