#include "base/fork_mark.h"

#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing.h"

static int answer_of(pid_t child) {
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

/* In the child: bit 0, is it told; bit 1, still after it took the mark over; bit 2, is its own
 * child told. Nothing but system calls here: the parent may have threads. */
static void answer(struct trail_fork_mark *mark) {
  int told = trail_fork_mark_crossed(mark) ? 1 : 0;
  trail_fork_mark_set(mark);
  if (trail_fork_mark_crossed(mark)) told |= 2;
  pid_t child = fork();
  if (child == 0) _exit(trail_fork_mark_crossed(mark) ? 1 : 0);
  if (answer_of(child) == 1) told |= 4;
  _exit(told);
}

/* across([by pid]) -> told before the fork, what the child said (see `answer`), told after it */
static int across(lua_State *L) {
  struct trail_fork_mark mark = {0};
  trail_fork_mark_set(&mark);
  if (lua_toboolean(L, 1)) trail_fork_mark_clear(&mark); /* as on a kernel without such pages */
  lua_pushboolean(L, trail_fork_mark_crossed(&mark));
  pid_t child = fork();
  if (child == 0) answer(&mark);
  lua_pushinteger(L, answer_of(child));
  lua_pushboolean(L, trail_fork_mark_crossed(&mark));
  trail_fork_mark_clear(&mark);
  trail_fork_mark_clear(&mark);
  return 3;
}

const luaL_Reg trail_testing_fork_mark[] = {
    {"across", across},
    {NULL, NULL},
};
