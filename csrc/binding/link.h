/* Links to the next page, for the pager: a Link header read (policy/link), a link followed
 * (net/origin). */
#ifndef TRAIL_BINDING_LINK_H
#define TRAIL_BINDING_LINK_H

#include "binding/compat.h"

/* Adds next_link and follow_link to the table on top of the stack. */
void trail_link_register(lua_State *L);

#endif
