/* The next page in a Link header (RFC 8288).
 *
 * The whole value is read: one that breaks the grammar anywhere is MALFORMED, which a pager must
 * not take for the end of a list. Of several rel parameters the first counts; a link with an anchor
 * speaks of another page and is passed over; of several next links the first wins. An unquoted
 * parameter value may hold more than a token ("type=text/html" was legal in RFC 5988 and is still
 * sent).
 */
#ifndef TRAIL_POLICY_LINK_H
#define TRAIL_POLICY_LINK_H

#include "base/slice.h"

enum trail_link { TRAIL_LINK_ABSENT, TRAIL_LINK_FOUND, TRAIL_LINK_MALFORMED };

/* Repeated header lines are joined with ", " first. *target is a piece of the header, an URI
 * reference as it stands there (unresolved and unchecked: its origin is the caller's business); set
 * when FOUND only. */
enum trail_link trail_link_next(struct trail_slice header, struct trail_slice *target);

#endif
