/* Memory that runs out when a sweep wants it to (spec/oom), or descriptors.
 *
 * One counter counts the allocations of a Lua state and those that go through base/memory.c, which are
 * ours, libcurl's and zlib's, in whatever thread. Each run has a Lua state of its own, so that nothing
 * an earlier run left behind is found by the next, and so that the state's end is swept as well.
 *
 * Of descriptors all are counted that the process makes by the calls of ../failing_system.c, which is
 * preloaded then. To run out for good they need no counter: the process may have so many open. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <lualib.h>

#include "../failing_system.h"
#include "base/memory.h"
#include "testing.h"

int luaopen_trailmark_core(lua_State *L);
int luaopen_trailmark_testing(lua_State *L);

enum { LONGEST_S = 40, SAID = 1024 };

/* Which allocation fails: none, the one of that number, or all from it on. */
enum mode { NONE, ONCE, ON };
static const char *const modes[] = {"none", "once", "on", NULL};

/* A process and those that it forks count together. */
struct tally {
  atomic_long asked, failed;
};

static struct {
  atomic_bool armed;
  enum mode mode;
  long at;
  struct tally *tally;
  bool descriptors; /* are what runs out */
  rlim_t limit;     /* of descriptors, while it is lowered; otherwise 0 */
  bool again; /* Lua 5.2 and later try once more after a collection, which is to fail as well */
} fate;

static bool fails(void) {
  if (!atomic_load(&fate.armed)) return false;
  long number = atomic_fetch_add(&fate.tally->asked, 1) + 1;
  if (fate.descriptors && fate.mode == ON) return false; /* the system does that */
  bool now = fate.mode == ON ? number >= fate.at : fate.mode == ONCE && number == fate.at;
  if (now) atomic_fetch_add(&fate.tally->failed, 1);
  return now;
}

static int refuse(void) { return fails(); }

static bool fails_lua(void) {
  if (fate.descriptors) return false;
  bool again = fate.again;
  fate.again = false;
  if (again) return true;
  bool now = fails();
  fate.again = now && fate.mode == ONCE && LUA_VERSION_NUM >= 502;
  return now;
}

static rlim_t limit_descriptors(rlim_t most) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = most;
  setrlimit(RLIMIT_NOFILE, &limit);
  return before;
}

/* The number that the one after so many more would have. */
static rlim_t number_of_descriptor(long more) {
  int fd = -1;
  for (long free = 0; free < more;) free += fcntl(++fd, F_GETFD) < 0;
  return (rlim_t)fd;
}

static void disarm(void) {
  atomic_store(&fate.armed, false);
  fate.again = false;
  if (fate.limit) limit_descriptors(fate.limit);
  fate.limit = 0;
}

/* ---- within a run ---------------------------------------------------------------------------- */

static void arm(lua_State *L, int mode, int at) {
  const int shared = MAP_SHARED | MAP_ANONYMOUS;
  if (!fate.tally)
    fate.tally = mmap(NULL, sizeof *fate.tally, PROT_READ | PROT_WRITE, shared, -1, 0);
  if (fate.tally == MAP_FAILED) abort();
  fate.mode = (enum mode)luaL_checkoption(L, mode, NULL, modes);
  fate.at = (long)luaL_checknumber(L, at);
  atomic_store(&fate.tally->asked, 0);
  atomic_store(&fate.tally->failed, 0);
  fate.again = false;
  if (fate.descriptors && fate.mode == ON) {
    fate.limit = limit_descriptors(number_of_descriptor(fate.at));
    atomic_store(&fate.tally->failed, 1); /* or will have */
  }
  atomic_store(&fate.armed, true);
}

static void watch(void) {
  if (!fate.descriptors)
    trail_memory_refuse = refuse;
  else if (&trail_failing_system)
    trail_failing_system.refuses_descriptor = refuse;
}

/* attempt(mode, at, f, ...) -> whether it returned, and what it returned or raised. Memory runs out
 * while it runs. */
static int attempt(lua_State *L) {
  luaL_checkany(L, 3);
  luaL_checkstack(L, 16, NULL);
  watch();
  arm(L, 1, 2);
  int status = lua_pcall(L, lua_gettop(L) - 3, LUA_MULTRET, 0);
  disarm();
  lua_pushboolean(L, status == 0);
  lua_replace(L, 2);
  return lua_gettop(L) - 1;
}

/* leave(mode, at): from now on, and while the state ends */
static int leave(lua_State *L) {
  arm(L, 1, 2);
  return 0;
}

/* counts() -> how many allocations there were, how many of them failed */
static int counts(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)fate.tally ? atomic_load(&fate.tally->asked) : 0);
  lua_pushinteger(L, (lua_Integer)fate.tally ? atomic_load(&fate.tally->failed) : 0);
  return 2;
}

/* of_descriptors(): they run out from now on, not memory */
static int of_descriptors(lua_State *L) {
  luaL_argcheck(L, &trail_failing_system, 1, "the failing system is not preloaded");
  fate.descriptors = true;
  return 0;
}

/* core() -> the functions of trailmark.core, with this module's memory */
static int core(lua_State *L) { return luaopen_trailmark_core(L); }

/* ---- a run ----------------------------------------------------------------------------------- */

struct allocator {
  lua_Alloc allocate;
  void *context;
};

/* Lua counts on it that a block can be made smaller. */
/* LuaJIT's collector (2.1 of January 2023) crashes on a coroutine whose stack could not grow, which is
 * nothing that we could mend: there a stack of the first size does grow. */
#if __has_include("luajit.h")
enum { FIRST_STACK = 47 * 8 };
#else
enum { FIRST_STACK = -1 };
#endif

static void *allocate(void *context, void *block, size_t old, size_t size) {
  const struct allocator *own = context;
  bool grows = size && (!block || size > old) && !(block && old == (size_t)FIRST_STACK);
  if (grows && fails_lua()) return NULL;
  return own->allocate(own->context, block, old, size);
}

static char running[160];

static void on_alarm(int unused) {
  (void)unused;
  (void)!write(2, running, strlen(running));
  _exit(1);
}

static void preload(lua_State *L, const char *name, lua_CFunction open) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);
}

/* The modules of the table at 1 of `from`, compiled, become the state's. */
static void preload_all(lua_State *from, lua_State *L) {
  size_t size;
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  for (lua_pushnil(from); lua_next(from, 1); lua_pop(from, 1)) {
    const char *code = lua_tolstring(from, -1, &size), *name = lua_tostring(from, -2);
    if (luaL_loadbuffer(L, code, size, name) == 0) lua_setfield(L, -2, name);
  }
  lua_pop(L, 2);
}

static void keep_words(lua_State *L, char said[SAID]) {
  const char *text = lua_tostring(L, -1);
  snprintf(said, SAID, "%s", text ? text : "");
}

static bool run_in(lua_State *from, lua_State *L, char said[SAID]) {
  luaL_openlibs(L);
  preload(L, "trailmark_testing", luaopen_trailmark_testing);
  preload(L, "trailmark.core", luaopen_trailmark_core);
  preload_all(from, L);
  bool fine = luaL_loadstring(L, "return require('spec.oom.one')(...)") == 0;
  for (int i = 2; fine && i <= 4; i++) lua_pushstring(L, lua_tostring(from, i));
  fine = fine && lua_pcall(L, 3, 1, 0) == 0;
  keep_words(L, said);
  return fine;
}

/* run(modules, scenario, mode, at) -> nil or what is wrong, allocations, how many of them failed */
static int run(lua_State *L) {
  char said[SAID];
  luaL_checktype(L, 1, LUA_TTABLE);
  snprintf(running, sizeof running, "%s hangs when memory runs out: %s at %s\n",
           luaL_checkstring(L, 2), luaL_checkstring(L, 3), luaL_checkstring(L, 4));
  signal(SIGALRM, on_alarm);
  alarm(LONGEST_S);
  watch();
  struct allocator own;
  lua_State *state = luaL_newstate();
  if (!state) return luaL_error(L, "no Lua state");
  own.allocate = lua_getallocf(state, &own.context);
  lua_setallocf(state, allocate, &own);
  bool fine = run_in(L, state, said);
  lua_close(state);
  disarm();
  alarm(0);
  lua_pushstring(L, said);
  if (fine && !said[0]) lua_pushnil(L), lua_replace(L, -2);
  return 1 + counts(L);
}

/* leaks() -> whether something is lost by now; false where nobody looks */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static int leaks(lua_State *L) {
  lua_pushboolean(L, __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check());
  return 1;
}

const luaL_Reg trail_testing_oom[] = {
    {"attempt", attempt},
    {"leave", leave},
    {"counts", counts},
    {"core", core},
    {"run", run},
    {"leaks", leaks},
    {"of_descriptors", of_descriptors},
    {NULL, NULL},
};
