/* The header fields of an answer as a Lua table: lower-case names; repeats joined by ", ",
 * set-cookie an array.
 *
 * The answers of a server resemble each other. So the strings of the latest one's lines are kept,
 * for the Lua state, and a line that stands at the same place again is not made anew.
 */
#ifndef TRAIL_BINDING_HEADERS_H
#define TRAIL_BINDING_HEADERS_H

#include "binding/compat.h"
#include "policy/head.h"

void trail_headers_register(lua_State *L);

/* Pushes the table. Nothing is kept of lines that may hold a secret. */
void trail_headers_push(lua_State *L, const struct trail_head *head, bool secret);

#endif
