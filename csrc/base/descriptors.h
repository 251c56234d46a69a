/* When no descriptor can be opened any more: whether that is so, and how to say it.
 *
 * Libraries in between do not always tell that it was a descriptor they lacked, so this looks itself,
 * right after the failure. */
#ifndef TRAIL_BASE_DESCRIPTORS_H
#define TRAIL_BASE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether so many cannot be had at a time. */
bool trail_descriptors_lack(int needed);

/* "no descriptor is left for epoll: the process may have 1024 open (ulimit -n)" */
void trail_descriptors_complain(const char *what, char *text, size_t size);

#endif
