/* Hosts and what they know, with attempts that libcurl never sees. Sockets are real, for their
 * ports. */
#include "net/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "binding/compat.h"
#include "testing.h"

#define HOSTS "trailmark.testing.hosts"

enum { MOST = 100 };

struct handle {
  struct trail_hosts hosts;
  struct trail_transfer attempts[MOST]; /* found by their number, from 1 */
  int count;
};

static struct handle *check(lua_State *L) { return luaL_checkudata(L, 1, HOSTS); }

static struct trail_transfer *check_attempt(lua_State *L) {
  struct handle *handle = check(L);
  lua_Integer number = luaL_checkinteger(L, 2);
  luaL_argcheck(L, number >= 1 && number <= handle->count, 2, "no such attempt");
  return &handle->attempts[number - 1];
}

static int destroy(lua_State *L) {
  trail_hosts_clear(&check(L)->hosts);
  return 0;
}

/* hosts:enter(url, profile, [ca_file]) -> attempt */
static int enter(lua_State *L) {
  struct handle *handle = check(L);
  const struct trail_profile profile = {.id = (uint64_t)luaL_checkinteger(L, 3),
                                        .ca_file = luaL_optstring(L, 4, NULL)};
  const struct trail_request request = {.profile = &profile, .url = luaL_checkstring(L, 2)};
  if (handle->count == MOST) return luaL_error(L, "too many attempts");
  struct trail_transfer *attempt = &handle->attempts[handle->count++];
  attempt->host = trail_hosts_enter(&handle->hosts, &request);
  if (!attempt->host) return luaL_error(L, "no memory");
  lua_pushinteger(L, handle->count);
  return 1;
}

/* hosts:leave(attempt) */
static int leave(lua_State *L) {
  struct trail_transfer *attempt = check_attempt(L);
  trail_host_quits(attempt->host, attempt);
  trail_host_leave(attempt->host);
  return 0;
}

/* hosts:host(attempt) -> what is the same for attempts to the same host; how many hosts are known */
static int host(lua_State *L) {
  lua_pushlightuserdata(L, check_attempt(L)->host);
  lua_pushinteger(L, (lua_Integer)check(L)->hosts.count);
  return 2;
}

/* hosts:holds(attempt): it waits then */
static int holds(lua_State *L) {
  struct trail_transfer *attempt = check_attempt(L);
  bool waits = trail_host_holds(attempt->host, attempt);
  if (waits) trail_transfers_append(&attempt->host->waiting, attempt);
  lua_pushboolean(L, waits);
  return 1;
}

/* hosts:lets_go(attempt): those who wait for the same host */
static int lets_go(lua_State *L) {
  lua_pushboolean(L, trail_host_lets_go(check_attempt(L)->host));
  return 1;
}

static int may_open(lua_State *L) {
  struct trail_transfer *attempt = check_attempt(L);
  lua_pushboolean(L, trail_host_may_open(attempt->host, attempt));
  return 1;
}

/* hosts:open(attempt) -> the descriptor of a new connection, its local port */
static int open_wire(lua_State *L) {
  struct trail_transfer *attempt = check_attempt(L);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, (struct sockaddr *)&address, size) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    return luaL_error(L, "no socket");
  trail_host_opened(attempt->host, fd);
  lua_pushinteger(L, fd);
  lua_pushinteger(L, ntohs(address.sin_port));
  return 2;
}

/* hosts:close(descriptor) */
static int close_wire(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 2);
  trail_hosts_closing(&check(L)->hosts, fd);
  close(fd);
  return 0;
}

/* hosts:sends(attempt, local port) */
static int sends(lua_State *L) {
  struct trail_transfer *attempt = check_attempt(L);
  trail_host_sends(attempt->host, attempt, (int)luaL_checkinteger(L, 3));
  attempt->sends++;
  return 0;
}

/* hosts:answers(attempt, "1" | "2") */
static int answers(lua_State *L) {
  struct trail_transfer *attempt = check_attempt(L);
  trail_host_answers(attempt->host, attempt, *luaL_checkstring(L, 3));
  return 0;
}

/* hosts:quits(attempt) */
static int quits(lua_State *L) {
  struct trail_transfer *attempt = check_attempt(L);
  trail_host_quits(attempt->host, attempt);
  return 0;
}

/* hosts:kind(attempt) -> of its host */
static int kind(lua_State *L) {
  static const char *const names[] = {"unknown", "multiplexes", "serves one"};
  lua_pushstring(L, names[check_attempt(L)->host->kind]);
  return 1;
}

/* hosts:heard(descriptor, at) */
static int heard(lua_State *L) {
  trail_hosts_heard(&check(L)->hosts, (int)luaL_checkinteger(L, 2),
                    (int64_t)luaL_checknumber(L, 3));
  return 0;
}

/* hosts:wire(attempt) -> { descriptor =, streams =, shared =, heard = } of its connection | nil */
static int wire_of(lua_State *L) {
  struct trail_transfer *attempt = check_attempt(L);
  const struct trail_wire *wire = trail_host_wire(attempt->host, attempt->wire);
  if (!wire) return 0;
  lua_newtable(L);
  lua_pushinteger(L, wire->fd);
  lua_setfield(L, -2, "descriptor");
  lua_pushinteger(L, (lua_Integer)wire->streams);
  lua_setfield(L, -2, "streams");
  lua_pushboolean(L, wire->shared);
  lua_setfield(L, -2, "shared");
  lua_pushnumber(L, (lua_Number)wire->heard_us);
  lua_setfield(L, -2, "heard");
  return 1;
}

static int new_hosts(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"enter", enter},       {"leave", leave},     {"host", host},       {"holds", holds},
      {"lets_go", lets_go},   {"open", open_wire},  {"sends", sends},     {"close", close_wire},
      {"may_open", may_open}, {"answers", answers}, {"quits", quits},     {"kind", kind},
      {"wire", wire_of},      {"heard", heard},     {"destroy", destroy}, {NULL, NULL},
  };
  trail_compat_metatable(L, HOSTS, methods, destroy);
  struct handle *handle = lua_newuserdata(L, sizeof *handle);
  *handle = (struct handle){.count = 0};
  luaL_getmetatable(L, HOSTS);
  lua_setmetatable(L, -2);
  return 1;
}

const luaL_Reg trail_testing_host[] = {{"new", new_hosts}, {NULL, NULL}};
