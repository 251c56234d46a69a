/* libcurl as a library: started once per process, with our allocator, and asked what it can do.
 *
 * There is no counterpart that stops it: other modules of the process may use libcurl too.
 */
#ifndef TRAIL_NET_LIBRARY_H
#define TRAIL_NET_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct curl_version_info_data; /* libcurl's own */

/* TRAIL_CONFIG when the libcurl at run time is too old or lacks TLS; `trail_library_fault` says
 * which. */
TRAIL_MUST_USE enum trail_status trail_library_start(void);
const char *trail_library_fault(void); /* "" when there is none */

/* Whether this libcurl will do; otherwise `why` says what it lacks. */
TRAIL_MUST_USE bool trail_library_suits(const struct curl_version_info_data *info, char *why,
                                        size_t size);

/* The certificates it trusts by itself; NULL: no file. */
const char *trail_library_ca_file(void);

#endif
