/* A profile in libcurl's words: the options of an easy handle that all requests of a client share. */
#ifndef TRAIL_NET_PROFILE_H
#define TRAIL_NET_PROFILE_H

#include <curl/curl.h>

#include "net/transport.h"

CURLcode trail_profile_set(const struct trail_profile *profile, CURL *easy);

/* All requests of a profile go to the origin of `url`, so libcurl reads it once for a handle, and of
 * each request is told the target only. `origin` is replaced; the handle uses it until it is given
 * another one, or cleaned up. */
CURLcode trail_profile_set_origin(const char *url, CURL *easy, CURLU **origin);

#endif
