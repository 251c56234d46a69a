/* Processes, pipes and signals, which plain Lua has not. Numbers of descriptors and processes are integers; what
 * fails raises. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing.h"

enum { MOST_ARGUMENTS = 40, READ_AT_ONCE = 65536 };

static int fail(lua_State *L, const char *what) {
  return luaL_error(L, "%s: %s", what, strerror(errno));
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Of a process that a spec left behind nothing may remain. */
static void end_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
}

/* fork() -> pid; 0 in the child, which ends with its parent */
static int fork_process(lua_State *L) {
  pid_t parent = getpid();
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) return fail(L, "fork");
  if (pid == 0) end_with_parent(parent);
  lua_pushinteger(L, pid);
  return 1;
}

/* exit(code): at once, no Lua state is closed and no exit handler runs, but for those that write
 * down what has run where that is measured (`make coverage`) */
static int exit_process(lua_State *L) {
  int code = (int)luaL_checkinteger(L, 1);
  fflush(NULL);
  if (getenv("TRAIL_COVERAGE")) exit(code);
  _exit(code);
}

/* wait(pid) -> exit code | nil, signal */
static int wait_process(lua_State *L) {
  int status;
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return fail(L, "waitpid");
  if (WIFEXITED(status)) {
    lua_pushinteger(L, WEXITSTATUS(status));
    return 1;
  }
  lua_pushnil(L);
  lua_pushinteger(L, WTERMSIG(status));
  return 2;
}

/* kill(pid, signal) */
static int kill_process(lua_State *L) {
  if (kill((pid_t)luaL_checkinteger(L, 1), (int)luaL_checkinteger(L, 2)) != 0)
    return fail(L, "kill");
  return 0;
}

static int id(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int make_pipe(lua_State *L) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(L, "pipe");
  lua_pushinteger(L, ends[0]);
  lua_pushinteger(L, ends[1]);
  return 2;
}

/* read(fd, seconds) -> bytes, "" at the end | nil where nothing came in time */
static int read_some(lua_State *L) {
  char bytes[READ_AT_ONCE];
  struct pollfd ready = {.fd = (int)luaL_checkinteger(L, 1), .events = POLLIN};
  int got = poll(&ready, 1, (int)(luaL_checknumber(L, 2) * 1000));
  if (got == 0) return 0;
  ssize_t size = got < 0 ? -1 : read(ready.fd, bytes, sizeof bytes);
  if (size < 0) return fail(L, "read");
  lua_pushlstring(L, bytes, (size_t)size);
  return 1;
}

static int write_all(lua_State *L) {
  size_t size;
  int fd = (int)luaL_checkinteger(L, 1);
  const char *bytes = luaL_checklstring(L, 2, &size);
  while (size) {
    ssize_t count = write(fd, bytes, size);
    if (count < 0) return fail(L, "write");
    bytes += count;
    size -= (size_t)count;
  }
  return 0;
}

static int close_descriptor(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

static bool is_given(lua_State *L, int fd) {
  int i = 1;
  while (i <= lua_gettop(L) && lua_tointeger(L, i) != fd) i++;
  return i <= lua_gettop(L);
}

/* close_others(fd...): all from 3 on but these. What they were is let go of; their numbers stay taken
 * until those who own them close them, which else would close what had come in their place. */
static int close_others(lua_State *L) {
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0) return fail(L, "/dev/null");
  for (int fd = 3; fd < 1024; fd++)
    if (fd != nothing && !is_given(L, fd) && fcntl(fd, F_GETFD) >= 0)
      (void)!dup3(nothing, fd, O_CLOEXEC);
  close(nothing);
  return 0;
}

/* descriptors() -> { [fd] = what it is }, without the one that looks */
static int descriptors(lua_State *L) {
  char path[300], target[256];
  DIR *dir = opendir("/proc/self/fd");
  if (!dir) return fail(L, "/proc/self/fd");
  lua_newtable(L);
  for (struct dirent *entry; (entry = readdir(dir));) {
    long fd = strtol(entry->d_name, NULL, 10);
    if (entry->d_name[0] == '.' || fd == dirfd(dir)) continue;
    snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
    ssize_t size = readlink(path, target, sizeof target);
    lua_pushlstring(L, target, size < 0 ? 0 : (size_t)size);
    lua_rawseti(L, -2, (int)fd);
  }
  closedir(dir);
  return 1;
}

static int threads(lua_State *L) {
  int count = 0;
  DIR *dir = opendir("/proc/self/task");
  if (!dir) return fail(L, "/proc/self/task");
  for (struct dirent *entry; (entry = readdir(dir));) count += entry->d_name[0] != '.';
  closedir(dir);
  lua_pushinteger(L, count);
  return 1;
}

/* ---- another program ------------------------------------------------------------------------- */

static void run_program(lua_State *L, int out, int err) {
  char *arguments[MOST_ARGUMENTS + 1] = {NULL};
  for (int i = 0; i < MOST_ARGUMENTS; i++) {
    lua_rawgeti(L, 1, i + 1);
    arguments[i] = (char *)lua_tostring(L, -1);
  }
  for (lua_pushnil(L); lua_istable(L, 2) && lua_next(L, 2); lua_pop(L, 1))
    setenv(lua_tostring(L, -2), lua_tostring(L, -1), 1);
  dup2(out, 1);
  dup2(err, 2);
  signal(SIGINT, SIG_DFL);
  execvp(arguments[0], arguments);
  _exit(127);
}

/* spawn(arguments, environment | nil) -> pid, stdout, stderr; it ends with us */
static int spawn(lua_State *L) {
  int out[2], err[2];
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  luaL_checkstack(L, MOST_ARGUMENTS + 8, NULL);
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return fail(L, "pipe");
  pid_t parent = getpid();
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) return fail(L, "fork");
  if (pid == 0) {
    end_with_parent(parent);
    run_program(L, out[1], err[1]);
  }
  close(out[1]);
  close(err[1]);
  lua_pushinteger(L, pid);
  lua_pushinteger(L, out[0]);
  lua_pushinteger(L, err[0]);
  return 3;
}

/* ---- environment -------------------------------------------------------------------------------- */

/* setenv(name, value | nil) */
static int set_variable(lua_State *L) {
  const char *name = luaL_checkstring(L, 1), *value = luaL_optstring(L, 2, NULL);
  if ((value ? setenv(name, value, 1) : unsetenv(name)) != 0) return fail(L, "setenv");
  return 0;
}

/* ---- signals --------------------------------------------------------------------------------- */

static lua_State *handled_in;

static void run_handler(lua_State *L, lua_Debug *unused) {
  (void)unused;
  lua_sethook(L, NULL, 0, 0);
  lua_getfield(L, LUA_REGISTRYINDEX, "trailmark_testing.handler");
  lua_call(L, 0, 0);
}

static void on_signal(int signal) {
  (void)signal;
  lua_sethook(handled_in, run_handler, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* handle(signal, function): runs it as soon as Lua runs, the way lua(1) treats Ctrl-C */
static int handle(lua_State *L) {
  struct sigaction action = {.sa_handler = on_signal};
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_setfield(L, LUA_REGISTRYINDEX, "trailmark_testing.handler");
  handled_in = L;
  if (sigaction((int)luaL_checkinteger(L, 1), &action, NULL) != 0) return fail(L, "sigaction");
  return 0;
}

/* default(signal): it does what it does where nobody says otherwise */
static int default_signal(lua_State *L) {
  if (signal((int)luaL_checkinteger(L, 1), SIG_DFL) == SIG_ERR) return fail(L, "signal");
  return 0;
}

static volatile sig_atomic_t interruptions;

static void count_interruption(int unused) {
  (void)unused;
  interruptions++;
}

/* interrupt(times a second): whatever this thread waits for ends with EINTR; 0: no longer.
 * Returns how often that has been so far. */
static int interrupt(lua_State *L) {
  struct sigaction action = {.sa_handler = count_interruption}; /* no SA_RESTART */
  int hertz = (int)luaL_checkinteger(L, 1);
  struct timeval pause = {.tv_usec = hertz ? 1000000 / hertz : 0};
  struct itimerval timer = {pause, pause};
  if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &timer, NULL) != 0)
    return fail(L, "setitimer");
  lua_pushinteger(L, interruptions);
  return 1;
}

/* limit_descriptors(count) -> how many this process might have open before */
static int limit_descriptors(lua_State *L) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = (rlim_t)luaL_checkinteger(L, 1);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return luaL_error(L, "setrlimit");
  lua_pushinteger(L, (lua_Integer)before);
  return 1;
}

const luaL_Reg trail_testing_process[] = {
    {"fork", fork_process},
    {"exit", exit_process},
    {"wait", wait_process},
    {"kill", kill_process},
    {"id", id},
    {"pipe", make_pipe},
    {"read", read_some},
    {"write", write_all},
    {"close", close_descriptor},
    {"spawn", spawn},
    {"threads", threads},
    {"close_others", close_others},
    {"handle", handle},
    {"setenv", set_variable},
    {"descriptors", descriptors},
    {"default", default_signal},
    {"interrupt", interrupt},
    {"limit_descriptors", limit_descriptors},
    {NULL, NULL},
};
