/* A client as a userdata: created from settings that Lua has checked, and its key. */
#ifndef TRAIL_BINDING_CLIENT_H
#define TRAIL_BINDING_CLIENT_H

#include "binding/compat.h"
#include "engine/client.h"

/* Adds `client` to the table on top: client(settings) -> client | nil, why. */
void trail_client_register(lua_State *L);

/* The first argument; raises where it is no client, or was collected with its Lua state. */
struct trail_client *trail_client_check(lua_State *L);

/* Pushes { limit=, remaining=, reset=, resets_in= }. */
void trail_client_push_rate(lua_State *L, const struct trail_rate_view *rate, int64_t now_us);

#endif
