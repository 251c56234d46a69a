/* A Lua interpreter for the sanitizers' build: `make check-asan` runs the specs, and the specs their
 * children, in this one.
 *
 * AddressSanitizer must be in the program that is started. Preloading it into the distribution's
 * interpreter would preload it into every shell and server that a spec starts, too; so here is an
 * interpreter that is linked with it. It knows -e and a script's name, closes its state before it
 * ends, so that every __gc runs and the leak detector sees what is left, and fails when a file
 * descriptor outlives the state. Which one it was is added to the file that TRAIL_LEAKED_FDS names,
 * so that a child's leak fails the run as well.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

enum { MAX_FDS = 1024 };

static void mark_open_fds(char open[MAX_FDS]) {
  memset(open, 0, MAX_FDS);
  DIR *dir = opendir("/proc/self/fd");
  if (!dir) return;
  for (struct dirent *entry; (entry = readdir(dir));) {
    long fd = strtol(entry->d_name, NULL, 10);
    if (entry->d_name[0] != '.' && fd < MAX_FDS && fd != dirfd(dir)) open[fd] = 1;
  }
  closedir(dir);
}

static int count_threads(void) {
  int count = 0;
  DIR *dir = opendir("/proc/self/task");
  if (!dir) return 1;
  for (struct dirent *entry; (entry = readdir(dir));) count += entry->d_name[0] != '.';
  closedir(dir);
  return count;
}

/* The library's worker, which lives on until the process exits, and keeps what it has open. */
static int is_worker(const char *task) {
  char path[300], name[32] = "";
  snprintf(path, sizeof path, "/proc/self/task/%s/comm", task);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  int found = fgets(name, sizeof name, file) && strcmp(name, "trailmark\n") == 0;
  fclose(file);
  return found;
}

static int has_worker(void) {
  int found = 0;
  DIR *dir = opendir("/proc/self/task");
  if (!dir) return 0;
  for (struct dirent *entry; (entry = readdir(dir));) found |= is_worker(entry->d_name);
  closedir(dir);
  return found;
}

/* libcurl leaves a resolver's thread behind that did not answer in time. It ends by itself and closes
 * what it holds; the leak detector must not meet it half-way. */
static int await_other_threads(void) {
  const struct timespec step = {0, 2000000};
  int steps = 1000;
  while (count_threads() > 1 && steps-- > 0) nanosleep(&step, NULL);
  return count_threads() == 1;
}

static void report_fd(int fd) {
  char path[32], target[256];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(path, target, sizeof target - 1);
  target[size < 0 ? 0 : size] = '\0';
  const char *name = getenv("TRAIL_LEAKED_FDS");
  FILE *file = name ? fopen(name, "a") : NULL;
  fprintf(file ? file : stderr, "leaked by process %d: descriptor %d, %s\n", (int)getpid(), fd,
          target);
  if (file) fclose(file);
}

static int count_leaked_fds(const char before[MAX_FDS]) {
  char now[MAX_FDS];
  int leaked = 0;
  mark_open_fds(now);
  for (int fd = 0; fd < MAX_FDS; fd++) {
    if (before[fd] || !now[fd]) continue;
    report_fd(fd);
    leaked++;
  }
  return leaked;
}

/* The global `arg` as lua(1) makes it: the script at 0, what comes before it at negative places. */
static void push_arguments(lua_State *L, int argc, char **argv, int script) {
  lua_newtable(L);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

static int traceback(lua_State *L) {
  lua_getglobal(L, "debug");
  lua_getfield(L, -1, "traceback");
  if (!lua_isstring(L, 1))
    luaL_callmeta(L, 1, "__tostring");
  else
    lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

static int report(lua_State *L) {
  const char *message = lua_tostring(L, -1);
  fprintf(stderr, "lua: %s\n", message ? message : "(error object is not a string)");
  lua_pop(L, 1);
  return 1;
}

/* Runs the chunk on top of the stack, with the arguments after argv[script]. */
static int call_chunk(lua_State *L, int argc, char **argv, int script) {
  int handler = lua_gettop(L);
  lua_pushcfunction(L, traceback);
  lua_insert(L, handler);
  int count = 0;
  for (int i = script + 1; i < argc; i++, count++) lua_pushstring(L, argv[i]);
  int failed = lua_pcall(L, count, 0, handler) ? report(L) : 0;
  lua_remove(L, handler);
  return failed;
}

static int run(lua_State *L, int argc, char **argv) {
  int script = 1;
  while (script + 1 < argc && !strcmp(argv[script], "-e")) script += 2;
  push_arguments(L, argc, argv, script);
  for (int i = 1; i < script; i += 2) {
    if (luaL_loadstring(L, argv[i + 1])) return report(L);
    if (call_chunk(L, 0, argv, 0)) return 1;
  }
  if (script >= argc) return 0;
  const char *name = strcmp(argv[script], "-") ? argv[script] : NULL;
  if (luaL_loadfile(L, name)) return report(L);
  return call_chunk(L, argc, argv, script);
}

/* The leak checker's tracer now and then crashes in a short-lived process whose threads are ending. This
 * process is the one that runs the library's code for minutes; its children go without. */
static void look_for_leaks_here_only(void) {
  const char *options = getenv("ASAN_OPTIONS");
  char children[1024];
  if (!options) return;
  snprintf(children, sizeof children, "%s:detect_leaks=0", options);
  setenv("ASAN_OPTIONS", children, 1);
}

int main(int argc, char **argv) {
  char before[MAX_FDS];
  look_for_leaks_here_only();
  mark_open_fds(before);
  lua_State *L = luaL_newstate();
  if (!L) return 1;
#ifdef LUA_EXTRASPACE
  memset(lua_getextraspace(L), 0, LUA_EXTRASPACE); /* Lua leaves it as it comes; hosts do this */
#endif
  luaL_openlibs(L);
  int failed = run(L, argc, argv);
  lua_close(L);
  if (!has_worker() && await_other_threads() && count_leaked_fds(before) > 0) return 1;
  return failed;
}
