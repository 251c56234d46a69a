/* From the path, params and query of a Lua call to the request target (policy/target). */
#ifndef TRAIL_BINDING_TARGET_H
#define TRAIL_BINDING_TARGET_H

#include "base/buffer.h"
#include "binding/compat.h"
#include "engine/client.h"

/* What was refused: `subject` is "path", "params" or "query", `text` the rule and the remedy. The
 * value it is about is on top of the stack. */
struct trail_target_complaint {
  const char *subject;
  const char *text;
};

/* The indices of a call's parts on the stack; 0: not given. */
struct trail_target_parts {
  int path, params, query;
};

/* Into an empty buffer, which a userdata owns: building raises where memory runs out, and runs
 * finalisers, which may make calls of their own. */
bool trail_target_build(lua_State *L, const struct trail_client *client,
                        const struct trail_target_parts *parts, struct trail_buffer *target,
                        struct trail_target_complaint *complaint);

#endif
