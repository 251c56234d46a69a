/* What a code of libcurl's means for a call: which kind of failure, in whose words. */
#ifndef TRAIL_NET_FAILURE_H
#define TRAIL_NET_FAILURE_H

#include "base/status.h"

/* TRAIL_OK for CURLE_OK. */
enum trail_status trail_failure_of(int curl_code);

#endif
