/* libcurl as a library: started once per process, with our allocator, and asked what it can do.
 *
 * There is no counterpart that stops it: other modules of the process may use libcurl too.
 */
#ifndef TRAIL_NET_LIBRARY_H
#define TRAIL_NET_LIBRARY_H

#include "base/status.h"

/* TRAIL_CONFIG when the libcurl at run time is too old or lacks TLS; `trail_library_fault` says
 * which. */
TRAIL_MUST_USE enum trail_status trail_library_start(void);
const char *trail_library_fault(void);   /* "" when there is none */
const char *trail_library_version(void); /* e.g. "libcurl/7.88.1 OpenSSL/3.0.17" */

#endif
