/* HTTP-date (RFC 9110, section 5.6.7) to Unix seconds: IMF-fixdate, RFC 850's form and asctime's.
 *
 * The shape is strict to the byte, since a lenient reader turns "2099-01-01T00:00:00Z" into a date
 * nobody meant. The name of the weekday must be one, but need not fit the date: it says nothing the
 * date does not, and a server that miscounts weekdays still means its date.
 */
#ifndef TRAIL_POLICY_HTTP_DATE_H
#define TRAIL_POLICY_HTTP_DATE_H

#include "base/slice.h"

#include <stdint.h>

/* `now` (Unix seconds) decides the century of RFC 850's two-digit years: the latest one that is not
 * more than 50 years ahead. False, with *seconds untouched, when the value is no HTTP-date. */
bool trail_http_date_parse(struct trail_slice value, int64_t now, int64_t *seconds);

#endif
