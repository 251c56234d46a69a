/* Random bytes from the system's generator (getrandom), for jitter, ids and nonces. */
#ifndef TRAIL_BASE_RANDOM_H
#define TRAIL_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* False when the system gives none; nothing weaker is put in their place. */
TRAIL_MUST_USE bool trail_random_bytes(void *bytes, size_t size);

/* For jitter, and for names that only have to be free: falls back to the clock's low bits. */
uint32_t trail_random_u32(void);

#endif
