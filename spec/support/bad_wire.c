/* A bad wire between two network namespaces: it loses, doubles, reorders and delays what passes, and
 * can be cut.
 *
 *     bad_wire [NAME NUMBER]...
 *
 *     loss | duplicate | reorder     of each hundred packets, in both directions
 *     delay                          milliseconds, in each direction
 *     cut-client | cut-server        nothing passes any more, in either direction, once so many bytes
 *                                    that a program sent have come from there
 *     seed                           of the chances
 *
 * makes both namespaces, says "client PATH" and "server PATH" (for nsenter --net=PATH) or "failed
 * WHAT", and carries packets until it is ended. The namespaces have no name, and end with it and with
 * what runs in them; nothing of it touches the network of the machine. In both 127.0.0.1 is the
 * server's, so what speaks plain HTTP to loopback only can be used as it is.
 *
 * Why not netem: many kernels are built without it, and it cannot cut at a byte.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { CLIENT, SERVER, LONGEST_PACKET = 1600, MOST_PACKETS = 4096, HELD_BACK_MS = 25 };

static const char *const names[] = {"client", "server"};
static const char *const addresses[] = {"192.0.2.1", "192.0.2.2"};

struct packet {
  struct packet *next;
  int64_t due_us;
  int to;
  size_t size;
  unsigned char bytes[LONGEST_PACKET];
};

static struct {
  int tunnels[2];
  long loss, duplicate, reorder, delay_ms, seed;
  long allowed[2]; /* bytes still to come from there before the cut; -1: there is none */
  bool is_cut;
  struct packet *queue; /* the next one due first */
  size_t queued;
  uint64_t chance;
} wire = {.allowed = {-1, -1}, .seed = 1};

static void fail(const char *what) {
  printf("failed %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* True for so many of each hundred (xorshift64*). */
static bool happens(long percent) {
  wire.chance ^= wire.chance >> 12;
  wire.chance ^= wire.chance << 25;
  wire.chance ^= wire.chance >> 27;
  return (long)((wire.chance * 2685821657736338717u >> 33) % 100) < percent;
}

/* ---- packets ----------------------------------------------------------------------------------- */

static void enqueue(int to, const unsigned char *bytes, size_t size, int64_t due_us) {
  struct packet **place = &wire.queue, *packet;
  if (wire.queued == MOST_PACKETS || !(packet = malloc(sizeof *packet))) return;
  packet->due_us = due_us, packet->to = to, packet->size = size;
  memcpy(packet->bytes, bytes, size);
  while (*place && (*place)->due_us <= due_us) place = &(*place)->next;
  packet->next = *place;
  *place = packet;
  wire.queued++;
}

/* What a program sent of an IPv4 packet of TCP, in bytes. */
static long payload(const unsigned char *bytes, size_t size) {
  const struct iphdr *ip = (const void *)bytes;
  const struct tcphdr *tcp = (const void *)(bytes + ip->ihl * 4);
  if (size < sizeof *ip + sizeof *tcp || ip->version != 4 || ip->protocol != IPPROTO_TCP) return 0;
  return (long)ntohs(ip->tot_len) - ip->ihl * 4 - tcp->doff * 4;
}

static void pass(int from) {
  unsigned char bytes[LONGEST_PACKET];
  ssize_t size = read(wire.tunnels[from], bytes, sizeof bytes);
  int64_t due_us = now_us() + wire.delay_ms * 1000;
  if (size <= 0 || wire.is_cut || happens(wire.loss)) return;
  if (happens(wire.reorder)) due_us += HELD_BACK_MS * 1000;
  enqueue(!from, bytes, (size_t)size, due_us);
  if (happens(wire.duplicate)) enqueue(!from, bytes, (size_t)size, due_us);
  if (wire.allowed[from] < 0) return;
  wire.allowed[from] -= payload(bytes, (size_t)size);
  wire.is_cut = wire.allowed[from] <= 0;
}

/* Milliseconds until the next packet is due; -1: there is none. */
static int deliver(void) {
  while (wire.queue) {
    struct packet *packet = wire.queue;
    int64_t wait_us = packet->due_us - now_us();
    if (wait_us > 0) return (int)(wait_us / 1000) + 1;
    if (write(wire.tunnels[packet->to], packet->bytes, packet->size) < 0) { /* it is lost, then */
    }
    wire.queue = packet->next;
    wire.queued--;
    free(packet);
  }
  return -1;
}

/* ---- namespaces -------------------------------------------------------------------------------- */

static struct sockaddr ipv4(const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  struct sockaddr plain;
  inet_pton(AF_INET, text, &address.sin_addr);
  memcpy(&plain, &address, sizeof plain);
  return plain;
}

static void bring_up(int fd, const char *device) {
  struct ifreq request = {0};
  strcpy(request.ifr_name, device);
  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) fail(device);
  request.ifr_flags |= IFF_UP;
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) fail(device);
}

/* What comes from outside may say that it is 127.0.0.1, or go there. */
static void allow_loopback(void) {
  int fd = open("/proc/sys/net/ipv4/conf/wire/route_localnet", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "1", 1) != 1) fail("route_localnet");
  close(fd);
}

static int open_tunnel(void) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "wire"};
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) fail("/dev/net/tun");
  return fd;
}

/* Goes to a new namespace with one end of the wire. */
static void make_side(int side) {
  struct ifreq request = {.ifr_name = "wire"};
  char device[] = "wire";
  struct rtentry route = {.rt_dev = device, .rt_flags = RTF_UP | RTF_HOST};
  int fd;
  if (unshare(CLONE_NEWNET) != 0) fail("a network namespace");
  wire.tunnels[side] = open_tunnel();
  fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  request.ifr_addr = ipv4(addresses[side]);
  if (ioctl(fd, SIOCSIFADDR, &request) != 0) fail(addresses[side]);
  request.ifr_dstaddr = ipv4(addresses[!side]);
  if (ioctl(fd, SIOCSIFDSTADDR, &request) != 0) fail(addresses[!side]);
  bring_up(fd, "wire");
  allow_loopback();
  if (side == SERVER) {
    bring_up(fd, "lo");
  } else {
    route.rt_dst = ipv4("127.0.0.1");
    if (ioctl(fd, SIOCADDRT, &route) != 0) fail("a route to 127.0.0.1");
  }
  close(fd);
  printf("%s /proc/%ld/fd/%d\n", names[side], (long)getpid(),
         open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
}

/* ---- arguments --------------------------------------------------------------------------------- */

static void set(const char *name, long value) {
  const struct {
    const char *name;
    long *field;
  } fields[] = {
      {"loss", &wire.loss},
      {"duplicate", &wire.duplicate},
      {"reorder", &wire.reorder},
      {"delay", &wire.delay_ms},
      {"seed", &wire.seed},
      {"cut-client", &wire.allowed[CLIENT]},
      {"cut-server", &wire.allowed[SERVER]},
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (strcmp(name, fields[i].name) != 0) continue;
    *fields[i].field = value;
    return;
  }
  errno = EINVAL;
  fail(name);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 1; i + 1 < argc; i += 2) set(argv[i], strtol(argv[i + 1], NULL, 10));
  wire.chance = (uint64_t)wire.seed;
  wire.is_cut = wire.allowed[CLIENT] == 0 || wire.allowed[SERVER] == 0;
  make_side(CLIENT);
  make_side(SERVER);
  for (;;) {
    struct pollfd fds[] = {{.fd = wire.tunnels[CLIENT], .events = POLLIN},
                           {.fd = wire.tunnels[SERVER], .events = POLLIN}};
    if (poll(fds, 2, deliver()) < 0 && errno != EINTR) fail("poll");
    if (fds[0].revents) pass(CLIENT);
    if (fds[1].revents) pass(SERVER);
  }
}
