#include "base/fork_mark.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static volatile unsigned char *map_wiped_on_fork(void) {
  void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
  if (madvise(page, page_size(), MADV_WIPEONFORK) == 0) return page;
  munmap(page, page_size());
  return NULL;
}

void trail_fork_mark_set(struct trail_fork_mark *mark) {
  mark->owner = getpid();
  if (!mark->page) mark->page = map_wiped_on_fork();
  if (mark->page) *mark->page = 1;
}

bool trail_fork_mark_crossed(const struct trail_fork_mark *mark) {
  return mark->page ? *mark->page == 0 : mark->owner != getpid();
}

void trail_fork_mark_clear(struct trail_fork_mark *mark) {
  if (mark->page) munmap((void *)mark->page, page_size());
  mark->page = NULL;
}
