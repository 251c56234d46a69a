/* A client's settings, which Lua has checked, from a table into the engine's struct. */
#ifndef TRAIL_BINDING_SETTINGS_H
#define TRAIL_BINDING_SETTINGS_H

#include "binding/compat.h"
#include "engine/client.h"

/* Of the table at a positive index. The values stay on the stack: the strings are valid so long. */
void trail_settings_read(lua_State *L, int index, struct trail_client_options *options);

enum trail_pacer_priority trail_settings_priority(const char *name); /* "low", "normal", "high" */

#endif
