#include "base/descriptors.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* 0, or why so many cannot be opened. */
static int problem_with(int needed) {
  int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return errno;
  int problem = needed > 1 ? problem_with(needed - 1) : 0;
  close(fd);
  return problem;
}

bool trail_descriptors_lack(int needed) {
  int problem = problem_with(needed);
  return problem == EMFILE || problem == ENFILE;
}

void trail_descriptors_complain(const char *what, char *text, size_t size) {
  struct rlimit limit = {0};
  (void)getrlimit(RLIMIT_NOFILE, &limit);
  if (problem_with(1) == ENFILE)
    snprintf(text, size, "no descriptor is left for %s: the system has too many open (fs.file-max)",
             what);
  else
    snprintf(text, size, "no descriptor is left for %s: the process may have %llu open (ulimit -n)",
             what, (unsigned long long)limit.rlim_cur);
}
