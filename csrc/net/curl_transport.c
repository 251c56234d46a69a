/* The transport over libcurl: one multi handle on one poller.
 *
 * libcurl tells what it waits for by two callbacks, which only record it; `wait` then hands it what
 * became ready. Sockets are read before timers expire. Finished easy handles return to a small pool
 * at once, so that only transfers under way hold one. A transfer is in one list at a time, that of
 * its `place`; those that wait for a connection are listed with their host.
 */
#include <curl/curl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/host.h"
#include "net/library.h"
#include "net/poller.h"
#include "net/transfer.h"
#include "net/transport.h"

enum {
  IDLE_HANDLES = 256,
  IDLE_CONNECTIONS = 256, /* beside those in use */
  READY_AT_ONCE = 64,
  LET_GO_AT_ONCE = 64 /* of those who wait for a connection */
};

struct curl_transport {
  struct trail_transport base;
  CURLM *multi;
  struct trail_poller *poller;
  int64_t timer_us; /* when libcurl wants to be called; TRAIL_NEVER */
  struct trail_hosts hosts;
  struct trail_transfers in_flight;
  struct trail_transfers finished;
  struct trail_transfers idle;
  unsigned connections_kept;   /* what libcurl was told */
  bool swept;                  /* idle connections were looked at, all and a moment ago */
  int readable[READY_AT_ONCE]; /* watched descriptors that the latest wait found */
  int readable_count;
  struct curl_transport *left; /* see `abandon` */
};

/* ---- what libcurl tells ---------------------------------------------------------------------- */

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *context, void *unused) {
  struct curl_transport *transport = context;
  struct trail_transfer *transfer = NULL;
  (void)unused;
  unsigned events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= TRAIL_READABLE;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= TRAIL_WRITABLE;
  if (events) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  if (transfer) transfer->fd = (int)fd;
  return trail_poller_want(transport->poller, fd, events) == TRAIL_OK ? 0 : -1;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context) {
  struct curl_transport *transport = context;
  (void)multi;
  if (timeout_ms < 0)
    transport->timer_us = TRAIL_NEVER;
  else if (timeout_ms == 0)
    transport->timer_us = 0; /* due; spares a look at the clock */
  else
    transport->timer_us = trail_clock_boot_us() + (int64_t)timeout_ms * 1000;
  return 0;
}

/* A kept HTTP/1.1 connection has nothing to say between two answers; what it says all the same must
 * not be taken for the next one. (HTTP/2 and its pings are libcurl's to read.) */
static void note_idle(struct curl_transport *transport, const struct trail_transfer *transfer) {
  long version = 0;
  curl_socket_t fd = transfer->fd;
  curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
  if (version != CURL_HTTP_VERSION_1_1) return;
  /* libcurl would look through all of its connections; of several sockets only it knows which */
  if (transfer->fd < 0 || transfer->opened > 1)
    curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd);
  if (fd == CURL_SOCKET_BAD) return;
  trail_poller_idle(transport->poller, (int)fd);
  transport->swept = false;
}

/* libcurl finds the connection dead when it next wants to use it, and takes another. */
static void shut(int fd) { (void)!shutdown(fd, SHUT_RDWR); }

static void place(struct curl_transport *transport, struct trail_transfer *transfer,
                  enum trail_transfer_place place) {
  transfer->place = place;
  if (place == TRAIL_TRANSFER_IN_FLIGHT) trail_transfers_append(&transport->in_flight, transfer);
  if (place == TRAIL_TRANSFER_FINISHED) trail_transfers_append(&transport->finished, transfer);
}

/* How long it may wait for a connection counts from its first wait in this attempt. */
static void let_wait(struct trail_transfer *transfer) {
  struct trail_transfers *waiting = &transfer->host->waiting;
  bool again = transfer->connect_by_us != 0;
  if (!again) transfer->connect_by_us = trail_clock_boot_us() + transfer->connect_us;
  transfer->place = TRAIL_TRANSFER_WAITING;
  if (again)
    trail_transfers_prepend(waiting, transfer);
  else
    trail_transfers_append(waiting, transfer);
}

/* Whose want of memory ended one stream in the midst of what was read for others, too: libcurl tells
 * these nothing, and they would wait for the rest in vain. */
static void give_up_starved(const struct trail_transfer *transfer) {
  const struct trail_wire *wire =
      transfer->host ? trail_host_wire(transfer->host, transfer->wire) : NULL;
  if (transfer->answer.failure == TRAIL_NO_MEMORY && wire && wire->fd >= 0) shut(wire->fd);
}

static void end(struct curl_transport *transport, struct trail_transfer *transfer, CURLcode code) {
  bool waits = code != CURLE_OK && transfer->turned_back;
  if (!waits) trail_transfer_finish(transfer, code);
  if (!waits) give_up_starved(transfer);
  if (code == CURLE_OK) note_idle(transport, transfer);
  if (transfer->host) trail_host_quits(transfer->host, transfer);
  curl_multi_remove_handle(transport->multi, transfer->easy);
  trail_transfers_remove(&transport->in_flight, transfer);
  if (waits)
    let_wait(transfer);
  else
    place(transport, transfer, TRAIL_TRANSFER_FINISHED);
}

static void collect_finished(struct curl_transport *transport) {
  int left;
  for (CURLMsg *message; (message = curl_multi_info_read(transport->multi, &left));) {
    if (message->msg != CURLMSG_DONE) continue;
    struct trail_transfer *transfer = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    end(transport, transfer, message->data.result);
  }
}

/* ---- the multi handle ------------------------------------------------------------------------ */

static enum trail_status open_multi(struct curl_transport *transport) {
  if (transport->multi) return TRAIL_OK;
  transport->multi = curl_multi_init();
  if (!transport->multi) return TRAIL_NO_MEMORY;
  curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
  curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
  curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
  curl_multi_setopt(transport->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  transport->connections_kept = 0; /* libcurl has its own idea, see bound_connections */
  return TRAIL_OK;
}

/* For want of memory libcurl 7.88 leaves a socket half known, waits in vain for what comes on it, and
 * divides by zero when it meets it again. So a handle that failed is not used any more: what is under
 * way ends here, its connections are closed, and the next attempt has another. */
static void give_up_multi(struct curl_transport *transport) {
  collect_finished(transport);
  while (transport->in_flight.first)
    end(transport, transport->in_flight.first, CURLE_OUT_OF_MEMORY);
  curl_multi_cleanup(transport->multi);
  transport->multi = NULL;
  transport->timer_us = TRAIL_NEVER;
}

static void act(struct curl_transport *transport, curl_socket_t fd, int mask) {
  int running;
  if (!transport->multi) return; /* it was given up in this very turn */
  if (curl_multi_socket_action(transport->multi, fd, mask, &running) != CURLM_OK)
    give_up_multi(transport);
}

static void run_due_timer(struct curl_transport *transport) {
  for (int rounds = 0; rounds < 8 && transport->timer_us != TRAIL_NEVER; rounds++) {
    if (transport->timer_us && transport->timer_us > trail_clock_boot_us()) return;
    transport->timer_us = TRAIL_NEVER;
    act(transport, CURL_SOCKET_TIMEOUT, 0);
  }
}

static void hand_over(struct curl_transport *transport, const struct trail_ready *ready,
                      int64_t now_us) {
  int mask = 0;
  if (ready->events & TRAIL_UNASKED) {
    shut(ready->fd);
    return;
  }
  if (ready->events & TRAIL_WATCHED) {
    transport->readable[transport->readable_count++] = ready->fd;
    return;
  }
  if (ready->events & TRAIL_READABLE) {
    mask |= CURL_CSELECT_IN;
    if (now_us) trail_hosts_heard(&transport->hosts, ready->fd, now_us);
  }
  if (ready->events & TRAIL_WRITABLE) mask |= CURL_CSELECT_OUT;
  if (ready->events & TRAIL_BROKEN) mask |= CURL_CSELECT_ERR;
  act(transport, ready->fd, mask);
}

/* libcurl counts the connections in use as well, and closes what comes back beyond its bound. */
static void bound_connections(struct curl_transport *transport) {
  unsigned step = IDLE_CONNECTIONS, in_use = transport->in_flight.count;
  unsigned kept = IDLE_CONNECTIONS + (in_use + step - 1) / step * step;
  if (!transport->multi || kept == transport->connections_kept) return;
  transport->connections_kept = kept;
  curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, (long)kept);
}

/* ---- those who wait for a connection --------------------------------------------------------- */

static enum trail_status launch(struct curl_transport *transport, struct trail_transfer *transfer) {
  trail_transfer_launch(transfer);
  if (open_multi(transport) != TRAIL_OK) return TRAIL_NO_MEMORY;
  if (curl_multi_add_handle(transport->multi, transfer->easy) != CURLM_OK) return TRAIL_NO_MEMORY;
  place(transport, transfer, TRAIL_TRANSFER_IN_FLIGHT);
  return TRAIL_OK;
}

static void take_out(struct trail_transfer *transfer) {
  trail_transfers_remove(&transfer->host->waiting, transfer);
}

static bool let_go(struct curl_transport *transport, struct trail_host *host, unsigned *left) {
  bool any = false;
  while (*left && trail_host_lets_go(host)) {
    struct trail_transfer *transfer = host->waiting.first;
    take_out(transfer);
    (void)trail_host_holds(host, transfer);
    if (launch(transport, transfer) != TRAIL_OK) {
      transfer->answer.failure = TRAIL_NO_MEMORY;
      place(transport, transfer, TRAIL_TRANSFER_FINISHED);
    }
    any = true;
    (*left)--;
  }
  return any;
}

static bool let_all_go(struct curl_transport *transport, unsigned *left) {
  bool any = false;
  for (struct trail_host *host = transport->hosts.first; host; host = host->next)
    if (let_go(transport, host, left)) any = true;
  return any;
}

static void expire_waiting(struct curl_transport *transport) {
  for (struct trail_host *host = transport->hosts.first; host; host = host->next) {
    if (!host->waiting.first) continue;
    int64_t now_us = trail_clock_boot_us();
    for (struct trail_transfer *transfer;
         (transfer = host->waiting.first) && transfer->connect_by_us <= now_us;) {
      take_out(transfer);
      trail_transfer_expire(transfer);
      place(transport, transfer, TRAIL_TRANSFER_FINISHED);
    }
  }
}

/* When something is to be done for those who wait; TRAIL_NEVER, or 0 for at once. */
static int64_t waiting_until_us(const struct curl_transport *transport) {
  int64_t first_us = TRAIL_NEVER;
  for (struct trail_host *host = transport->hosts.first; host; host = host->next) {
    if (!host->waiting.first) continue;
    if (trail_host_lets_go(host)) return 0;
    if (host->waiting.first->connect_by_us < first_us)
      first_us = host->waiting.first->connect_by_us;
  }
  return first_us;
}

/* What is due, and what that lets go on in turn. */
static void run(struct curl_transport *transport) {
  unsigned left = LET_GO_AT_ONCE;
  do {
    run_due_timer(transport);
    collect_finished(transport);
  } while (let_all_go(transport, &left));
  expire_waiting(transport);
  bound_connections(transport);
}

/* ---- the table ------------------------------------------------------------------------------- */

static void recycle(struct curl_transport *transport, struct trail_transfer *transfer) {
  trail_transfer_release(transfer);
  transfer->place = TRAIL_TRANSFER_IDLE;
  if (transport->idle.count < IDLE_HANDLES && !transfer->worn)
    trail_transfers_append(&transport->idle, transfer);
  else
    trail_transfer_destroy(transfer);
}

/* Before connections may be reused; all of them are between two waits. */
static void sweep_idle(struct curl_transport *transport) {
  struct trail_ready ready[READY_AT_ONCE];
  if (transport->swept) return;
  transport->swept = true;
  for (int count = READY_AT_ONCE; count == READY_AT_ONCE;) {
    count = trail_poller_sweep(transport->poller, ready, READY_AT_ONCE);
    for (int i = 0; i < count; i++) shut(ready[i].fd);
  }
}

static enum trail_status begin(struct curl_transport *transport, struct trail_transfer *transfer) {
  if (!transfer->host || !trail_host_holds(transfer->host, transfer))
    return launch(transport, transfer);
  let_wait(transfer);
  return TRAIL_OK;
}

static enum trail_status start(struct trail_transport *base, const struct trail_request *request,
                               void *owner, struct trail_transfer **out) {
  struct curl_transport *transport = (struct curl_transport *)base;
  struct trail_transfer *transfer = trail_transfers_pop(&transport->idle);
  *out = NULL;
  if (!transfer) {
    enum trail_status status = trail_transfer_create(&transfer);
    if (status != TRAIL_OK) return status;
  }
  sweep_idle(transport);
  enum trail_status status = trail_transfer_prepare(transfer, &transport->hosts, request);
  if (status == TRAIL_OK) status = begin(transport, transfer);
  if (status != TRAIL_OK) {
    recycle(transport, transfer);
    return status;
  }
  transfer->owner = owner;
  bound_connections(transport);
  *out = transfer;
  return TRAIL_OK;
}

/* The others on it end at once, and begin anew elsewhere. */
static void give_up_connection(struct curl_transport *transport, int fd) {
  shut(fd);
  act(transport, fd, CURL_CSELECT_IN);
  collect_finished(transport);
}

static void remove_unfinished(struct curl_transport *transport, struct trail_transfer *transfer) {
  int fd = transfer->host ? trail_host_doubts(transfer->host, transfer) : -1; /* may be closed */
  curl_multi_remove_handle(transport->multi, transfer->easy);
  trail_transfers_remove(&transport->in_flight, transfer);
  if (transfer->host) trail_host_quits(transfer->host, transfer);
  if (trail_poller_is_open(transport->poller, fd)) give_up_connection(transport, fd);
}

static void cancel(struct trail_transport *base, struct trail_transfer *transfer,
                   struct trail_answer *answer) {
  struct curl_transport *transport = (struct curl_transport *)base;
  if (transfer->place == TRAIL_TRANSFER_FINISHED) {
    trail_transfers_remove(&transport->finished, transfer);
  } else {
    trail_transfer_stop(transfer);
    if (transfer->place == TRAIL_TRANSFER_WAITING)
      take_out(transfer);
    else
      remove_unfinished(transport, transfer);
  }
  trail_answer_move(answer, &transfer->answer);
  recycle(transport, transfer);
}

static bool next(struct trail_transport *base, void **owner, struct trail_answer *answer) {
  struct curl_transport *transport = (struct curl_transport *)base;
  struct trail_transfer *transfer = transport->finished.first;
  if (!transfer) return false;
  trail_transfers_remove(&transport->finished, transfer);
  *owner = transfer->owner;
  trail_answer_move(answer, &transfer->answer);
  recycle(transport, transfer);
  return true;
}

/* When there is something to do without anybody's saying anything. */
static int64_t due_us(const struct curl_transport *transport, int64_t until_us) {
  if (transport->finished.first) return 0;
  int64_t waiting_us = waiting_until_us(transport);
  int64_t at_us = transport->timer_us < until_us ? transport->timer_us : until_us;
  return waiting_us < at_us ? waiting_us : at_us;
}

static int64_t wait_time(const struct curl_transport *transport, int64_t until_us) {
  int64_t at_us = due_us(transport, until_us);
  if (at_us == 0) return 0;
  if (at_us == TRAIL_NEVER) return -1;
  int64_t left_us = at_us - trail_clock_boot_us();
  return left_us > 0 ? left_us : 0;
}

/* Nothing more to wait for, but what a worker's loop has to hear. */
static bool is_all_done(const struct curl_transport *transport) {
  return transport->finished.first && !transport->in_flight.count && !transport->base.lock;
}

static bool wait(struct trail_transport *base, int64_t until_us) {
  struct curl_transport *transport = (struct curl_transport *)base;
  struct trail_ready ready[READY_AT_ONCE];
  if (transport->timer_us == 0) run(transport); /* the first bytes leave before any wait */
  transport->readable_count = 0;
  if (is_all_done(transport)) {
    transport->swept = false;
    return true;
  }
  trail_poller_sleep_with(transport->poller, base->asleep, base->lock);
  int count =
      trail_poller_wait(transport->poller, wait_time(transport, until_us), ready, READY_AT_ONCE);
  transport->swept = base->lock && count < READY_AT_ONCE; /* the thread goes on at once */
  if (count < 0) return false;
  int64_t now_us = count && trail_hosts_share(&transport->hosts) ? trail_clock_boot_us() : 0;
  for (int i = 0; i < count; i++) hand_over(transport, &ready[i], now_us);
  run(transport);
  return true;
}

static int arm(struct trail_transport *base, int64_t at_us) {
  struct curl_transport *transport = (struct curl_transport *)base;
  trail_poller_arm(transport->poller, due_us(transport, at_us));
  return trail_poller_fd(transport->poller);
}

static enum trail_status watch(struct trail_transport *base, int fd) {
  return trail_poller_watch(((struct curl_transport *)base)->poller, fd);
}

static void unwatch(struct trail_transport *base, int fd) {
  struct curl_transport *transport = (struct curl_transport *)base;
  trail_poller_unwatch(transport->poller, fd);
  for (int i = 0; i < transport->readable_count; i++)
    if (transport->readable[i] == fd) transport->readable[i] = -1;
}

static int readable(struct trail_transport *base) {
  struct curl_transport *transport = (struct curl_transport *)base;
  int fd = -1;
  while (fd < 0 && transport->readable_count) fd = transport->readable[--transport->readable_count];
  return fd;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void destroy_list(struct curl_transport *transport, struct trail_transfers *list) {
  for (struct trail_transfer *transfer; (transfer = trail_transfers_pop(list));) {
    if (list == &transport->in_flight) curl_multi_remove_handle(transport->multi, transfer->easy);
    trail_transfer_release(transfer);
    trail_transfer_destroy(transfer);
  }
}

static void destroy(struct trail_transport *base) {
  struct curl_transport *transport = (struct curl_transport *)base;
  for (struct trail_host *host = transport->hosts.first; host; host = host->next)
    destroy_list(transport, &host->waiting);
  destroy_list(transport, &transport->in_flight);
  destroy_list(transport, &transport->finished);
  destroy_list(transport, &transport->idle);
  if (transport->multi) curl_multi_cleanup(transport->multi); /* closes through the poller */
  trail_hosts_clear(&transport->hosts);
  trail_poller_destroy(transport->poller);
  trail_memory_free(transport);
}

/* The handles stay in memory, reachable: cleaning them up would send a TLS close in the parent's
 * name. */
static struct curl_transport *abandoned;

static void abandon(struct trail_transport *base) {
  struct curl_transport *transport = (struct curl_transport *)base;
  trail_poller_abandon(transport->poller);
  transport->poller = NULL;
  transport->left = abandoned;
  abandoned = transport;
}

static const struct trail_transport_ops ops = {
    .start = start,
    .cancel = cancel,
    .next = next,
    .wait = wait,
    .arm = arm,
    .watch = watch,
    .unwatch = unwatch,
    .readable = readable,
    .destroy = destroy,
    .abandon = abandon,
};

enum trail_status trail_curl_transport_create(struct trail_transport **out) {
  *out = NULL;
  enum trail_status status = trail_library_start();
  if (status != TRAIL_OK) return status;
  struct curl_transport *transport = trail_memory_zalloc(1, sizeof *transport);
  if (!transport) return TRAIL_NO_MEMORY;
  transport->base.ops = &ops;
  transport->timer_us = TRAIL_NEVER;
  status = trail_poller_create(&transport->poller);
  transport->hosts.poller = transport->poller;
  if (status == TRAIL_OK) status = open_multi(transport);
  if (status != TRAIL_OK) {
    destroy(&transport->base);
    return status;
  }
  bound_connections(transport);
  *out = &transport->base;
  return TRAIL_OK;
}
