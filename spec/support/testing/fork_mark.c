#include "base/fork_mark.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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

/* From here on the kernel knows no advice for memory, as one that is older than such pages. */
static bool refuse_advice(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* on_old_kernel() -> what the child said: 0, its mark goes by its number; 2, there is no seccomp */
static int on_old_kernel(lua_State *L) {
  pid_t child = fork();
  if (child == 0) {
    struct trail_fork_mark mark = {0};
    int said = refuse_advice() ? 0 : 2;
    if (!said) trail_fork_mark_set(&mark);
    if (!said && (mark.page || trail_fork_mark_crossed(&mark))) said = 1;
    if (getenv("TRAIL_COVERAGE")) exit(said); /* writes down what has run */
    _exit(said);
  }
  lua_pushinteger(L, answer_of(child));
  return 1;
}

const luaL_Reg trail_testing_fork_mark[] = {
    {"across", across},
    {"on_old_kernel", on_old_kernel},
    {NULL, NULL},
};
