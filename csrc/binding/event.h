/* An event of a call's life as the table that a listener gets. */
#ifndef TRAIL_BINDING_EVENT_H
#define TRAIL_BINDING_EVENT_H

#include "binding/compat.h"
#include "engine/events.h"

/* Pushes { type=, id=, time=, method=, url=, attempt=, ... }, whose fields README tells. */
void trail_event_push(lua_State *L, const struct trail_event *event);

#endif
