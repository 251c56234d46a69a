/* Where a client's requests go: the base URL, taken apart by libcurl's own URL parser.
 *
 * A key is sent to this origin only (scheme, host and port). Plain HTTP is for loopback hosts:
 * anything else would put the key on a network in clear.
 */
#ifndef TRAIL_NET_ORIGIN_H
#define TRAIL_NET_ORIGIN_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"

struct trail_origin {
  char *text; /* "https://api.trailmark.com", as it stands before a request target */
  char *path; /* "/v1", without a slash at its end; "" for the root */
  bool plain_http;
};

/* TRAIL_CONFIG with `why` naming the rule, or TRAIL_NO_MEMORY. */
TRAIL_MUST_USE enum trail_status trail_origin_parse(const char *base_url,
                                                    struct trail_origin *origin, const char **why);
void trail_origin_clear(struct trail_origin *origin);

/* An absolute URL (one that has "://" before any slash or question mark)? */
bool trail_origin_is_absolute(struct trail_slice path);

/* The request target of an absolute URL of this same origin; `why` says what does not fit. */
TRAIL_MUST_USE enum trail_status trail_origin_target(const struct trail_origin *origin,
                                                     const char *url, struct trail_slice *target,
                                                     const char **why);

/* Room for an absolute URL: the longest target, its origin, a NUL. */
#define TRAIL_ORIGIN_URL_SIZE (17 << 10)

/* Where a link leads (RFC 3986, section 5): `reference` as it stands on the page `from`, an absolute
 * URL, without its fragment. TRAIL_ARGUMENT with `why` where it is no URL of this same origin. */
TRAIL_MUST_USE enum trail_status trail_origin_follow(const struct trail_origin *origin,
                                                     const char *from, const char *reference,
                                                     char url[TRAIL_ORIGIN_URL_SIZE],
                                                     const char **why);

#endif
