#include "net/poller.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "binding/compat.h"
#include "testing.h"

#define POLLER "trailmark.testing.poller"

/* This module's own epoll_ctl stands in for the C library's, to count how often the kernel is
 * told something. */
static atomic_uint told;

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) {
  told++;
  return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

struct handle {
  struct trail_poller *poller;
};

static struct trail_poller *check(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, POLLER);
  luaL_argcheck(L, handle->poller != NULL, 1, "destroyed");
  return handle->poller;
}

static int check_fd(lua_State *L, int arg) { return (int)luaL_checkinteger(L, arg); }

static int destroy(lua_State *L) {
  struct handle *handle = luaL_checkudata(L, 1, POLLER);
  trail_poller_destroy(handle->poller);
  handle->poller = NULL;
  return 0;
}

static int push_status(lua_State *L, enum trail_status status) {
  lua_pushstring(L, trail_status_name(status));
  return 1;
}

/* poller:opened(fd) -> status */
static int opened(lua_State *L) {
  return push_status(L, trail_poller_opened(check(L), check_fd(L, 2)));
}

/* poller:closing(fd) -> is the number ours to close */
static int closing(lua_State *L) {
  lua_pushboolean(L, trail_poller_closing(check(L), check_fd(L, 2)));
  return 1;
}

/* poller:idle(fd) */
static int idle(lua_State *L) {
  trail_poller_idle(check(L), check_fd(L, 2));
  return 0;
}

/* poller:sweep(max) -> { [fd] = true } */
static int sweep(lua_State *L) {
  struct trail_ready ready[64];
  struct trail_poller *poller = check(L);
  int max = (int)luaL_checkinteger(L, 2);
  luaL_argcheck(L, max > 0 && max <= 64, 2, "1 to 64");
  int count = trail_poller_sweep(poller, ready, max);
  lua_newtable(L);
  for (int i = 0; i < count; i++) {
    lua_pushboolean(L, ready[i].events == TRAIL_UNASKED);
    lua_rawseti(L, -2, ready[i].fd);
  }
  return 1;
}

/* poller:want(fd, "r" | "w" | "rw" | "") -> status */
static int want(lua_State *L) {
  struct trail_poller *poller = check(L);
  const char *letters = luaL_checkstring(L, 3);
  unsigned events = 0;
  if (strchr(letters, 'r')) events |= TRAIL_READABLE;
  if (strchr(letters, 'w')) events |= TRAIL_WRITABLE;
  return push_status(L, trail_poller_want(poller, check_fd(L, 2), events));
}

/* poller:wait(microseconds, [max]) -> { [fd] = letters } of "r", "w", "b"roken | nil: a signal */
static int wait_ready(lua_State *L) {
  struct trail_ready ready[64];
  struct trail_poller *poller = check(L);
  int max = (int)luaL_optinteger(L, 3, 64);
  luaL_argcheck(L, max > 0 && max <= 64, 3, "1 to 64");
  int count = trail_poller_wait(poller, (int64_t)luaL_checknumber(L, 2), ready, max);
  if (count < 0) return 0;
  lua_newtable(L);
  for (int i = 0; i < count; i++) {
    char letters[4] = "", *end = letters;
    if (ready[i].events & TRAIL_READABLE) *end++ = 'r';
    if (ready[i].events & TRAIL_WRITABLE) *end++ = 'w';
    if (ready[i].events & TRAIL_BROKEN) *end++ = 'b';
    *end = '\0';
    lua_pushstring(L, letters);
    lua_rawseti(L, -2, ready[i].fd);
  }
  return 1;
}

static void on_alarm(int number) { (void)number; }

/* poller:wait_for_alarm() -> is it told that a signal ended the wait */
static int wait_for_alarm(lua_State *L) {
  struct trail_poller *poller = check(L);
  struct trail_ready ready[1];
  struct sigaction act = {.sa_handler = on_alarm}, before;
  struct itimerval once = {.it_value.tv_usec = 20000}, off = {0};
  sigaction(SIGALRM, &act, &before);
  setitimer(ITIMER_REAL, &once, NULL);
  lua_pushboolean(L, trail_poller_wait(poller, 30000000, ready, 1) == -1);
  setitimer(ITIMER_REAL, &off, NULL);
  sigaction(SIGALRM, &before, NULL);
  return 1;
}

/* poller:fd() */
static int fd_of(lua_State *L) {
  lua_pushinteger(L, trail_poller_fd(check(L)));
  return 1;
}

/* poller:arm(microseconds from now | nil: never) */
static int arm(lua_State *L) {
  struct trail_poller *poller = check(L);
  int64_t at_us = TRAIL_NEVER;
  if (!lua_isnoneornil(L, 2)) at_us = trail_clock_boot_us() + (int64_t)luaL_checknumber(L, 2);
  trail_poller_arm(poller, at_us);
  return 0;
}

/* poller:abandon_in_child(ours, others) -> are these closed in a child that abandons the poller */
static int abandon_in_child(lua_State *L) {
  struct trail_poller *poller = check(L);
  int ours = check_fd(L, 2), others = check_fd(L, 3), status = 0;
  int own = trail_poller_fd(poller);
  pid_t child = fork();
  if (child == 0) {
    trail_poller_abandon(poller);
    _exit((fcntl(ours, F_GETFD) < 0) | (fcntl(others, F_GETFD) < 0) << 1 |
          (fcntl(own, F_GETFD) < 0) << 2);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
    return luaL_error(L, "the child failed");
  lua_pushboolean(L, WEXITSTATUS(status) & 1);
  lua_pushboolean(L, WEXITSTATUS(status) & 2);
  lua_pushboolean(L, WEXITSTATUS(status) & 4);
  return 3;
}

static int new_poller(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"opened", opened},   {"closing", closing},
      {"want", want},       {"wait", wait_ready},
      {"fd", fd_of},        {"wait_for_alarm", wait_for_alarm},
      {"arm", arm},         {"abandon_in_child", abandon_in_child},
      {"idle", idle},       {"sweep", sweep},
      {"destroy", destroy}, {NULL, NULL},
  };
  trail_compat_metatable(L, POLLER, methods, destroy);
  struct handle *handle = lua_newuserdata(L, sizeof *handle);
  handle->poller = NULL;
  luaL_getmetatable(L, POLLER);
  lua_setmetatable(L, -2);
  enum trail_status status = trail_poller_create(&handle->poller);
  return status == TRAIL_OK ? 1 : luaL_error(L, "no poller: %s", trail_status_name(status));
}

/* create_without_descriptors() -> status, while the process may open no more */
static int create_without_descriptors(lua_State *L) {
  struct trail_poller *poller = NULL;
  struct rlimit limit, none;
  getrlimit(RLIMIT_NOFILE, &limit);
  none = limit;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  enum trail_status status = trail_poller_create(&poller);
  setrlimit(RLIMIT_NOFILE, &limit);
  trail_poller_destroy(poller);
  return push_status(L, status);
}

static int told_kernel(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)told);
  return 1;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* pair() -> two connected sockets */
static int pair(lua_State *L) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return luaL_error(L, "no sockets");
  lua_pushinteger(L, ends[0]);
  lua_pushinteger(L, ends[1]);
  return 2;
}

/* duplicate(fd, [number]) -> another number of the same socket */
static int duplicate(lua_State *L) {
  int fd = check_fd(L, 1);
  lua_pushinteger(L, lua_isnoneornil(L, 2) ? dup(fd) : dup2(fd, check_fd(L, 2)));
  return 1;
}

static int write_byte(lua_State *L) {
  if (send(check_fd(L, 1), "x", 1, MSG_NOSIGNAL) != 1)
    return luaL_error(L, "write: %s", strerror(errno));
  return 0;
}

static int read_byte(lua_State *L) {
  char byte;
  if (read(check_fd(L, 1), &byte, 1) != 1) return luaL_error(L, "read: %s", strerror(errno));
  return 0;
}

static int close_fd(lua_State *L) {
  close(check_fd(L, 1));
  return 0;
}

/* is_readable(fd, milliseconds), as a host's loop asks */
static int is_readable(lua_State *L) {
  struct pollfd entry = {.fd = check_fd(L, 1), .events = POLLIN};
  lua_pushboolean(L, poll(&entry, 1, (int)luaL_checkinteger(L, 2)) == 1);
  return 1;
}

const luaL_Reg trail_testing_poller[] = {
    {"new", new_poller},          {"create_without_descriptors", create_without_descriptors},
    {"told_kernel", told_kernel}, {"pair", pair},
    {"duplicate", duplicate},     {"write", write_byte},
    {"read", read_byte},          {"close", close_fd},
    {"is_readable", is_readable}, {NULL, NULL},
};
