/* The worker thread as Lua sees it: who has hired it, and the numbers under which coroutines wait. */
#ifndef TRAIL_BINDING_WORKER_H
#define TRAIL_BINDING_WORKER_H

#include <stdint.h>

#include "binding/compat.h"

/* Adds `waiter`, `bell` and `wake` to the table on top. */
void trail_worker_register(lua_State *L);

/* client:hire([abstract]) -> whether, and why not: the worker drives its calls from now on. It is
 * started here, with a doorbell that has an abstract name where that is asked for. */
int trail_worker_hire(lua_State *L);

/* The number of the waiter at that index; 0 for nil. */
uint64_t trail_worker_waiter(lua_State *L, int index);

#endif
