/* The numbers under which coroutines wait for what the worker does, as a userdata. */
#ifndef TRAIL_BINDING_WAITER_H
#define TRAIL_BINDING_WAITER_H

#include <stdint.h>

#include "binding/compat.h"

/* Adds `waiter`, `doorbell` and `wake` to the table on top. */
void trail_waiter_register(lua_State *L);

/* The number of the waiter at that index; 0 for nil. */
uint64_t trail_waiter_number(lua_State *L, int index);

#endif
