/* The doorbell: how a coroutine of a host that has only sockets to wait with (nginx, HAProxy) waits
 * for a thread of the same process.
 *
 * A unix stream socket without a name in the file system, of one of two kinds. The first is bound in
 * a private folder, opened with O_PATH, and both are removed; from then on it is reached through
 * /proc/self/fd, by this process alone. The second has an abstract name, by chance, and is for hosts
 * that have given up the file system. Each peer's pid is looked at, so that neither is open to
 * another process.
 *
 * Who waits connects, or takes a connection from its pool, and sends one line, "<waiter> <seen>
 * <until>": its number, up to which of its news it knows, and the boot time in microseconds at which
 * it wants to be woken all the same (0: never). It is answered by one line, its number, when there is
 * more, or at that time; the connection may then be used again. Where the same waiter does so it may
 * spare the line, if whoever drives the bell knows in another way that it waits, and rings for it.
 * The end of a connection on which somebody waits, or has not read the answer, tells that he will not
 * come any more; the end of one that no line was sent on tells that its owner has come to an end, or
 * has done what he was to do; the end of another tells nothing.
 *
 * One thread uses a doorbell, that of its transport, among whose descriptors are those of the bell.
 */
#ifndef TRAIL_NET_DOORBELL_H
#define TRAIL_NET_DOORBELL_H

#include "net/transport.h"

struct trail_doorbell;

/* What came by a descriptor. */
struct trail_doorbell_ring {
  uint64_t waiter; /* 0: none sent a line on it, and it has left */
  uint64_t seen;
  bool gone;   /* it has left; otherwise it waits for an answer */
  bool waited; /* then: for the answer to a line, or left it unread */
};

enum trail_doorbell_kind { TRAIL_DOORBELL_FOLDER, TRAIL_DOORBELL_ABSTRACT };

/* TRAIL_CONFIG where this machine cannot hold it; the second says why. */
TRAIL_MUST_USE enum trail_status trail_doorbell_open(struct trail_transport *transport,
                                                     enum trail_doorbell_kind kind,
                                                     struct trail_doorbell **out);
const char *trail_doorbell_fault(enum trail_doorbell_kind kind);

/* "unix:/proc/self/fd/7", or "abns@name" as HAProxy writes it, as long as the doorbell is open. */
const char *trail_doorbell_address(const struct trail_doorbell *bell);

/* Takes in what a readable descriptor of the transport's has to say. False when there is nothing to
 * be done about it. */
bool trail_doorbell_hear(struct trail_doorbell *bell, int fd, struct trail_doorbell_ring *ring);

/* The line for `waiter`, if it has sent one. */
void trail_doorbell_answer(struct trail_doorbell *bell, uint64_t waiter);
/* The same without: it waits on the connection that it used last. */
void trail_doorbell_ring(struct trail_doorbell *bell, uint64_t waiter);

/* When the bell has something to do by itself, or TRAIL_NEVER; and does it: answers those whose time
 * has come, and listens again where for want of descriptors nobody could be let in. */
int64_t trail_doorbell_wake_us(const struct trail_doorbell *bell);
void trail_doorbell_advance(struct trail_doorbell *bell, int64_t now_us);

void trail_doorbell_close(struct trail_doorbell *bell); /* before its transport; NULL is legal */
/* In a forked child, after its transport was abandoned. */
void trail_doorbell_abandon(struct trail_doorbell *bell);

#endif
