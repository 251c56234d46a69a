/* The worker thread, and those who use it: threads with Lua states of their own, and the doorbell's
 * visitors. It is this module's own worker, reached through this module's own core. */
#include "engine/worker.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <lualib.h>

#include "testing.h"

int luaopen_trailmark_core(lua_State *L);
int luaopen_trailmark_testing(lua_State *L);

enum { MOST_THREADS = 16 };

/* core() -> the functions of trailmark.core, on this module's worker */
static int core(lua_State *L) { return luaopen_trailmark_core(L); }

/* linger(seconds): how long the thread outlives the last state */
static int linger(lua_State *L) {
  trail_worker_linger((int64_t)(luaL_checknumber(L, 1) * 1e6));
  return 0;
}

static int runs(lua_State *L) {
  lua_pushboolean(L, trail_worker_runs());
  return 1;
}

static int count_threads(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  if (!tasks) return -1;
  for (struct dirent *entry; (entry = readdir(tasks));) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
    FILE *file = fopen(path, "r");
    if (file && fgets(name, sizeof name, file)) count += strcmp(name, "trailmark\n") == 0;
    if (file) fclose(file);
  }
  closedir(tasks);
  return count;
}

/* threads() -> how many of this process's are workers; a sanitizer may have some of its own */
static int threads(lua_State *L) {
  int count = count_threads();
  if (count < 0) return luaL_error(L, "/proc/self/task");
  lua_pushinteger(L, count);
  return 1;
}

static void tell_threads(void) {
  if (count_threads() != 0) puts("the thread outlives its end");
}

/* watch_exit(): to be called before the worker starts. At the exit, after the worker's own end, its
 * thread must not be there. */
static int watch_exit(lua_State *L) {
  if (atexit(tell_threads) != 0) return luaL_error(L, "atexit");
  return 0;
}

/* connect(address) -> descriptor of a connection to "unix:/path" or "abns@name" */
static int connect_to(lua_State *L) {
  const char *address = luaL_checkstring(L, 1);
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  bool abstract = strncmp(address, "abns@", 5) == 0;
  luaL_argcheck(L, abstract || strncmp(address, "unix:", 5) == 0, 1, "no unix: or abns@ address");
  strncpy(to.sun_path + abstract, address + 5, sizeof to.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
    int problem = errno;
    if (fd >= 0) close(fd);
    return luaL_error(L, "connect: %s", strerror(problem));
  }
  lua_pushinteger(L, fd);
  return 1;
}

/* ---- other Lua states ------------------------------------------------------------------------ */

struct run {
  pthread_t thread;
  const char *code;
  int number;
  char problem[512]; /* "": none */
};

static void preload(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_trailmark_testing);
  lua_setfield(L, -2, "trailmark_testing");
  lua_pop(L, 2);
}

/* The code gets its number. */
static void *run_state(void *context) {
  struct run *run = context;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  preload(L);
  int failed = luaL_loadstring(L, run->code);
  lua_pushinteger(L, run->number);
  failed = failed || lua_pcall(L, 1, 0, 0);
  if (failed) strncpy(run->problem, lua_tostring(L, -1), sizeof run->problem - 1);
  lua_close(L);
  return NULL;
}

/* states(count, code): runs the code in so many threads, each with a Lua state of its own, and
 * returns when all have ended. Raises what one of them raised. */
static int states(lua_State *L) {
  static struct run runs_of[MOST_THREADS];
  int count = (int)luaL_checkinteger(L, 1);
  const char *code = luaL_checkstring(L, 2);
  luaL_argcheck(L, count > 0 && count <= MOST_THREADS, 1, "too many");
  for (int i = 0; i < count; i++) {
    runs_of[i] = (struct run){.code = code, .number = i + 1};
    if (pthread_create(&runs_of[i].thread, NULL, run_state, &runs_of[i]) != 0)
      return luaL_error(L, "pthread_create");
  }
  for (int i = 0; i < count; i++) pthread_join(runs_of[i].thread, NULL);
  for (int i = 0; i < count; i++)
    if (runs_of[i].problem[0]) return luaL_error(L, "state %d: %s", i + 1, runs_of[i].problem);
  return 0;
}

const luaL_Reg trail_testing_worker[] = {
    {"core", core},     {"linger", linger},   {"runs", runs}, {"connect", connect_to},
    {"states", states}, {"threads", threads}, {"watch_exit", watch_exit},
    {NULL, NULL},
};
