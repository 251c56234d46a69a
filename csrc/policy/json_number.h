/* Numbers of JSON text, where a double or cjson's own printing would change them.
 *
 * The text is always that of JSON, with a point whatever the locale says.
 */
#ifndef TRAIL_POLICY_JSON_NUMBER_H
#define TRAIL_POLICY_JSON_NUMBER_H

#include "base/slice.h"

#include <stdint.h>

/* The largest integer up to which a double holds every one: 2^53. */
#define TRAIL_JSON_NUMBER_EXACT 9007199254740992

#define TRAIL_JSON_NUMBER_SIZE 40 /* of any number's text, its NUL included */

/* An integer beyond 2^53 either way? The argument is a number of JSON text. */
bool trail_json_number_is_big(struct trail_slice number);

/* False where an integer's text needs more than 64 bits. */
bool trail_json_number_integer(struct trail_slice number, int64_t *value);

/* Whether a finite number's decimal value times some power of ten up to 10^9 is an integer below
 * `limit`, itself a power of ten up to 10^16: then as many digits as limit has zeros print it
 * exactly. It errs on the side of false. */
bool trail_json_number_is_short(double value, double limit);

/* The text, NUL-terminated, that reads back as the same number; returns its size. A double, which
 * must be finite, prints as an integer up to 2^53, otherwise with 15 to 17 digits and never as an
 * integer. */
size_t trail_json_number_print(double value, char out[TRAIL_JSON_NUMBER_SIZE]);
size_t trail_json_number_print_integer(int64_t value, char out[TRAIL_JSON_NUMBER_SIZE]);

#endif
