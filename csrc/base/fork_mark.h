/* Tells a child that it is one.
 *
 * A handle of libcurl's used on both sides of a fork hands one process the other's answers, without
 * an error. A mark is a page the kernel gives to every child zeroed (MADV_WIPEONFORK), so the
 * question costs a load and no system call, and no kind of fork escapes it. Where the kernel lacks
 * it, the pid is compared.
 */
#ifndef TRAIL_BASE_FORK_MARK_H
#define TRAIL_BASE_FORK_MARK_H

#include <stdbool.h>
#include <sys/types.h>

struct trail_fork_mark {
  volatile unsigned char *page; /* NULL: compare pids */
  pid_t owner;
};

void trail_fork_mark_set(struct trail_fork_mark *mark); /* this process is now the owner */
bool trail_fork_mark_crossed(const struct trail_fork_mark *mark);
void trail_fork_mark_clear(struct trail_fork_mark *mark);

#endif
