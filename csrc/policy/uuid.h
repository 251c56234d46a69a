/* A UUID of version 4 (RFC 9562, section 5.4) from 16 random bytes: what an Idempotency-Key is made
 * of. */
#ifndef TRAIL_POLICY_UUID_H
#define TRAIL_POLICY_UUID_H

#define TRAIL_UUID_TEXT 36

void trail_uuid_format(const unsigned char random[16], char text[TRAIL_UUID_TEXT + 1]);

#endif
