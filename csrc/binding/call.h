/* A call as a userdata: started from a client, waited for, and read. */
#ifndef TRAIL_BINDING_CALL_H
#define TRAIL_BINDING_CALL_H

#include "binding/compat.h"

/* Makes the call's metatable. */
void trail_call_register(lua_State *L);

/* client:start(method, path, query|nil, body|nil, headers|nil, options|nil)
 *     -> call | nil, subject, value, text
 *
 * `headers` are all the lines to send, each ended by NUL, instead of the client's; true: the client's
 * lines for a JSON body. `options` are
 * checked settings: params, timeout, deadline, retries, idempotency_key. What cannot be sent comes
 * back as its subject ("path"), the value and the rule it breaks. */
int trail_call_start(lua_State *L);

#endif
