/* A server that sends the key back, as some do in an error's text, shall not put it into logs. Data of
 * a success is the caller's as it came; it is hidden only if it turns out to be no JSON. */
#ifndef TRAIL_ENGINE_ECHO_H
#define TRAIL_ENGINE_ECHO_H

#include "engine/call.h"

/* Whether the call's answer holds the key that it was asked with. */
bool trail_echo_found(const struct trail_call *call);
void trail_echo_hide(struct trail_call *call);

#endif
