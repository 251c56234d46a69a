/* What a code of libcurl's means for a call: which kind of failure, in whose words. */
#ifndef TRAIL_NET_FAILURE_H
#define TRAIL_NET_FAILURE_H

#include <stdbool.h>

#include "base/status.h"

/* TRAIL_OK for CURLE_OK. */
enum trail_status trail_failure_of(int curl_code);

/* The same, where libcurl's words tell more than its code. `head_begun`: bytes of an answer had
 * come. */
enum trail_status trail_failure_refine(int curl_code, const char *text, bool head_begun);

/* What to tell of it; the text itself where that tells of this failure. */
const char *trail_failure_words(int curl_code, const char *text);

#endif
