#include "net/host.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/memory.h"

enum { KEPT_HOSTS = 32 };

/* ---- wires ----------------------------------------------------------------------------------- */

static int port_of(int fd) {
  struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
  return 0;
}

/* libcurl does not tell the socket of an attempt under way, but its local port. */
static struct trail_wire *wire_at(const struct trail_host *host, int local_port) {
  for (struct trail_wire *wire = host->wires; wire; wire = wire->next) {
    if (wire->fd < 0) continue;
    if (!wire->local_port) wire->local_port = port_of(wire->fd);
    if (wire->local_port == local_port) return wire;
  }
  return NULL;
}

static bool has_wire(const struct trail_host *host) {
  for (struct trail_wire *wire = host->wires; wire; wire = wire->next)
    if (wire->fd >= 0) return true;
  return false;
}

static void forget_wires(struct trail_host *host) {
  for (struct trail_wire **at = &host->wires; *at;) {
    struct trail_wire *wire = *at;
    if (wire->fd >= 0 || wire->streams) {
      at = &wire->next;
      continue;
    }
    *at = wire->next;
    trail_memory_free(wire);
  }
}

void trail_host_opened(struct trail_host *host, int fd) {
  struct trail_wire *wire = trail_memory_zalloc(1, sizeof *wire);
  if (!wire) return; /* it is told apart from no other then, and works all the same */
  wire->fd = fd;
  wire->number = ++host->opened;
  wire->next = host->wires;
  host->wires = wire;
}

struct trail_wire *trail_host_wire(const struct trail_host *host, unsigned number) {
  for (struct trail_wire *wire = host->wires; wire; wire = wire->next)
    if (wire->number == number) return wire;
  return NULL;
}

bool trail_hosts_share(const struct trail_hosts *hosts) {
  for (struct trail_host *host = hosts->first; host; host = host->next)
    if (host->wires) return true;
  return false;
}

void trail_hosts_heard(struct trail_hosts *hosts, int fd, int64_t now_us) {
  for (struct trail_host *host = hosts->first; host; host = host->next)
    for (struct trail_wire *wire = host->wires; wire; wire = wire->next)
      if (wire->fd == fd) wire->heard_us = now_us;
}

void trail_hosts_closing(struct trail_hosts *hosts, int fd) {
  for (struct trail_host *host = hosts->first; host; host = host->next) {
    for (struct trail_wire *wire = host->wires; wire; wire = wire->next)
      if (wire->fd == fd) wire->fd = -1;
    forget_wires(host);
  }
}

/* ---- hosts ----------------------------------------------------------------------------------- */

static const char *or_none(const char *text) { return text ? text : ""; }

static char *name_of(const struct trail_request *request) {
  const struct trail_profile *profile = request->profile;
  const char *authority = strstr(request->url, "://");
  const char *end = authority ? strchr(authority + 3, '/') : NULL;
  size_t origin = end ? (size_t)(end - request->url) : strlen(request->url);
  const char *parts[] = {or_none(profile->ca_file), or_none(profile->proxy),
                         or_none(profile->pinned_public_key)};
  size_t room = origin + strlen(parts[0]) + strlen(parts[1]) + strlen(parts[2]) + 32;
  char *name = trail_memory_alloc(room);
  if (name)
    snprintf(name, room, "%.*s %s %s %s %lld", (int)origin, request->url, parts[0], parts[1],
             parts[2], (long long)profile->connect_timeout_us);
  return name;
}

static void close_wires(struct trail_host *host) {
  for (struct trail_wire *wire = host->wires; wire; wire = wire->next) wire->fd = -1;
  forget_wires(host);
}

static void destroy(struct trail_host *host) {
  for (struct trail_wire *wire = host->wires; wire; wire = wire->next) wire->streams = 0;
  close_wires(host);
  trail_memory_free(host->name);
  trail_memory_free(host);
}

/* What is forgotten is learnt again. */
static void forget_one(struct trail_hosts *hosts) {
  struct trail_host **oldest = NULL;
  for (struct trail_host **at = &hosts->first; *at; at = &(*at)->next)
    if (!(*at)->users && !(*at)->wires) oldest = at;
  if (!oldest) return;
  struct trail_host *host = *oldest;
  *oldest = host->next;
  hosts->count--;
  destroy(host);
}

static struct trail_host *create(struct trail_hosts *hosts, char *name) {
  struct trail_host *host = trail_memory_zalloc(1, sizeof *host);
  if (!host) return NULL;
  if (hosts->count >= KEPT_HOSTS) forget_one(hosts);
  host->name = name;
  host->next = hosts->first;
  hosts->first = host;
  hosts->count++;
  return host;
}

static struct trail_host *find_name(const struct trail_hosts *hosts, const char *name) {
  for (struct trail_host *host = hosts->first; host; host = host->next)
    if (strcasecmp(host->name, name) == 0) return host;
  return NULL;
}

static struct trail_host *find(struct trail_hosts *hosts, const struct trail_request *request) {
  for (struct trail_host *host = hosts->first; host; host = host->next)
    if (host->profile_id == request->profile->id) return host;
  char *name = name_of(request);
  if (!name) return NULL;
  struct trail_host *host = find_name(hosts, name);
  if (!host) host = create(hosts, name);
  if (!host || host->name != name) trail_memory_free(name);
  return host;
}

struct trail_host *trail_hosts_enter(struct trail_hosts *hosts,
                                     const struct trail_request *request) {
  struct trail_host *host = find(hosts, request);
  if (!host) return NULL;
  host->profile_id = request->profile->id;
  host->users++;
  return host;
}

void trail_host_leave(struct trail_host *host) { host->users--; }

void trail_hosts_clear(struct trail_hosts *hosts) {
  for (struct trail_host *host; (host = hosts->first);) {
    hosts->first = host->next;
    destroy(host);
  }
  hosts->count = 0;
}

/* ---- who opens, who waits -------------------------------------------------------------------- */

static bool one_at_a_time(const struct trail_host *host) {
  return host->kind != TRAIL_HOST_SERVES_ONE;
}

bool trail_host_lets_go(const struct trail_host *host) {
  return host->waiting.first && !(one_at_a_time(host) && host->opening);
}

bool trail_host_holds(struct trail_host *host, struct trail_transfer *transfer) {
  if (!one_at_a_time(host)) return false;
  if (host->opening) return true;
  if (!has_wire(host)) host->opening = transfer;
  return false;
}

static void settle(struct trail_host *host, enum trail_host_kind kind) {
  host->kind = kind;
  if (one_at_a_time(host)) return;
  host->opening = NULL;
  close_wires(host);
}

/* Whoever needs a second connection while requests are under way on the first has found out that
 * they cannot share it. (Should it only have been full, the answers will say HTTP/2.) */
bool trail_host_may_open(struct trail_host *host, struct trail_transfer *transfer) {
  if (host->kind == TRAIL_HOST_UNKNOWN && !host->opening && host->sent && !transfer->sends)
    settle(host, TRAIL_HOST_SERVES_ONE);
  if (!one_at_a_time(host)) return true;
  if (host->opening && host->opening != transfer) return false;
  host->opening = transfer;
  return true;
}

void trail_host_sends(struct trail_host *host, struct trail_transfer *transfer, int local_port) {
  struct trail_wire *wire = one_at_a_time(host) ? wire_at(host, local_port) : NULL;
  trail_host_quits(host, transfer);
  host->sent++;
  transfer->on_wire = true;
  if (!wire) return;
  if (wire->streams++) wire->shared = true;
  if (wire->shared && host->kind == TRAIL_HOST_UNKNOWN) host->kind = TRAIL_HOST_MULTIPLEXES;
  transfer->wire = wire->number;
}

void trail_host_answers(struct trail_host *host, const struct trail_transfer *transfer,
                        char version) {
  struct trail_wire *wire = trail_host_wire(host, transfer->wire);
  enum trail_host_kind kind = version < '2' ? TRAIL_HOST_SERVES_ONE : TRAIL_HOST_MULTIPLEXES;
  if (wire && kind == TRAIL_HOST_MULTIPLEXES) wire->shared = true;
  if (kind != host->kind) settle(host, kind);
}

int trail_host_doubts(const struct trail_host *host, const struct trail_transfer *transfer) {
  const struct trail_wire *wire = trail_host_wire(host, transfer->wire);
  if (!wire || wire->heard_us >= transfer->halfway_us) return -1;
  bool alone = wire->streams == 1;
  return alone || trail_clock_boot_us() >= transfer->until_us ? wire->fd : -1;
}

void trail_host_quits(struct trail_host *host, struct trail_transfer *transfer) {
  if (host->opening == transfer) host->opening = NULL;
  if (!transfer->on_wire) return;
  struct trail_wire *wire = trail_host_wire(host, transfer->wire);
  if (wire && --wire->streams == 0) forget_wires(host);
  host->sent--;
  transfer->on_wire = false;
  transfer->wire = 0;
}
