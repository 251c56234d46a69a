/* The transport over libcurl: one multi handle on one poller.
 *
 * libcurl tells what it waits for by two callbacks, which only record it; `wait` then hands it what
 * became ready. Sockets are read before timers expire. Finished easy handles return to a small pool
 * at once, so that only transfers under way hold one.
 */
#include <curl/curl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/library.h"
#include "net/transfer.h"
#include "net/transport.h"

enum { IDLE_HANDLES = 64, IDLE_CONNECTIONS = 256, READY_AT_ONCE = 64 };

struct list {
  struct trail_transfer *first, *last;
  unsigned count;
};

struct curl_transport {
  struct trail_transport base;
  CURLM *multi;
  struct trail_poller *poller;
  int64_t timer_us; /* when libcurl wants to be called; TRAIL_NEVER */
  struct list in_flight;
  struct list finished;
  struct list idle;
  struct curl_transport *left; /* see `abandon` */
};

/* ---- lists ---------------------------------------------------------------------------------- */

static void list_append(struct list *list, struct trail_transfer *transfer) {
  transfer->next = NULL;
  transfer->previous = list->last;
  *(list->last ? &list->last->next : &list->first) = transfer;
  list->last = transfer;
  list->count++;
}

static void list_remove(struct list *list, struct trail_transfer *transfer) {
  *(transfer->previous ? &transfer->previous->next : &list->first) = transfer->next;
  *(transfer->next ? &transfer->next->previous : &list->last) = transfer->previous;
  list->count--;
}

static struct trail_transfer *list_pop(struct list *list) {
  struct trail_transfer *transfer = list->last;
  if (transfer) list_remove(list, transfer);
  return transfer;
}

/* ---- what libcurl tells ---------------------------------------------------------------------- */

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *context, void *unused) {
  struct curl_transport *transport = context;
  (void)easy, (void)unused;
  unsigned events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= TRAIL_READABLE;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= TRAIL_WRITABLE;
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
static void note_idle(struct curl_transport *transport, CURL *easy) {
  long version = 0;
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  if (version != CURL_HTTP_VERSION_1_1) return;
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
  if (fd != CURL_SOCKET_BAD) trail_poller_idle(transport->poller, (int)fd);
}

/* libcurl finds the connection dead when it next wants to use it, and takes another. */
static void shut(int fd) { (void)!shutdown(fd, SHUT_RDWR); }

static void collect_finished(struct curl_transport *transport) {
  int left;
  for (CURLMsg *message; (message = curl_multi_info_read(transport->multi, &left));) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result; /* the message dies with the removal */
    struct trail_transfer *transfer = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    trail_transfer_finish(transfer, code);
    if (code == CURLE_OK) note_idle(transport, easy);
    curl_multi_remove_handle(transport->multi, easy);
    list_remove(&transport->in_flight, transfer);
    list_append(&transport->finished, transfer);
    transfer->finished = true;
  }
}

static void run_due_timer(struct curl_transport *transport) {
  int running;
  for (int rounds = 0; rounds < 8 && transport->timer_us != TRAIL_NEVER; rounds++) {
    if (transport->timer_us && transport->timer_us > trail_clock_boot_us()) return;
    transport->timer_us = TRAIL_NEVER;
    curl_multi_socket_action(transport->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

static void hand_over(struct curl_transport *transport, const struct trail_ready *ready) {
  int running, mask = 0;
  if (ready->events & TRAIL_UNASKED) {
    shut(ready->fd);
    return;
  }
  if (ready->events & TRAIL_READABLE) mask |= CURL_CSELECT_IN;
  if (ready->events & TRAIL_WRITABLE) mask |= CURL_CSELECT_OUT;
  if (ready->events & TRAIL_BROKEN) mask |= CURL_CSELECT_ERR;
  curl_multi_socket_action(transport->multi, ready->fd, mask, &running);
}

/* ---- the table ------------------------------------------------------------------------------- */

static void recycle(struct curl_transport *transport, struct trail_transfer *transfer) {
  trail_transfer_release(transfer);
  if (transport->idle.count < IDLE_HANDLES)
    list_append(&transport->idle, transfer);
  else
    trail_transfer_destroy(transfer);
}

/* Just before a connection may be reused. */
static void sweep_idle(struct curl_transport *transport) {
  struct trail_ready ready[READY_AT_ONCE];
  int count = trail_poller_sweep(transport->poller, ready, READY_AT_ONCE);
  for (int i = 0; i < count; i++) shut(ready[i].fd);
}

static enum trail_status start(struct trail_transport *base, const struct trail_request *request,
                               void *owner, struct trail_transfer **out) {
  struct curl_transport *transport = (struct curl_transport *)base;
  struct trail_transfer *transfer = list_pop(&transport->idle);
  *out = NULL;
  if (!transfer) {
    enum trail_status status = trail_transfer_create(&transfer);
    if (status != TRAIL_OK) return status;
  }
  sweep_idle(transport);
  enum trail_status status = trail_transfer_prepare(transfer, transport->poller, request);
  if (status == TRAIL_OK && curl_multi_add_handle(transport->multi, transfer->easy) != CURLM_OK)
    status = TRAIL_NO_MEMORY;
  if (status != TRAIL_OK) {
    recycle(transport, transfer);
    return status;
  }
  transfer->owner = owner;
  transfer->finished = false;
  list_append(&transport->in_flight, transfer);
  *out = transfer;
  return TRAIL_OK;
}

/* libcurl keeps a connection of HTTP/2 whose stream is given up. If nobody else is using it, it may
 * be the connection that has gone silent, and no later request shall find that out. */
static void remove_unfinished(struct curl_transport *transport, struct trail_transfer *transfer) {
  int fd = transport->in_flight.count == 1 ? trail_poller_busy(transport->poller) : -1;
  curl_multi_remove_handle(transport->multi, transfer->easy);
  list_remove(&transport->in_flight, transfer);
  if (trail_poller_is_open(transport->poller, fd)) shut(fd);
}

static void cancel(struct trail_transport *base, struct trail_transfer *transfer,
                   struct trail_answer *answer) {
  struct curl_transport *transport = (struct curl_transport *)base;
  if (transfer->finished) { /* and was not fetched yet */
    list_remove(&transport->finished, transfer);
  } else {
    trail_transfer_stop(transfer);
    remove_unfinished(transport, transfer);
  }
  trail_answer_move(answer, &transfer->answer);
  recycle(transport, transfer);
}

static bool next(struct trail_transport *base, void **owner, struct trail_answer *answer) {
  struct curl_transport *transport = (struct curl_transport *)base;
  struct trail_transfer *transfer = transport->finished.first;
  if (!transfer) return false;
  list_remove(&transport->finished, transfer);
  *owner = transfer->owner;
  trail_answer_move(answer, &transfer->answer);
  recycle(transport, transfer);
  return true;
}

static int64_t wait_time(const struct curl_transport *transport, int64_t until_us) {
  int64_t at_us = transport->timer_us < until_us ? transport->timer_us : until_us;
  if (transport->finished.first || at_us == 0) return 0;
  if (at_us == TRAIL_NEVER) return -1;
  int64_t left_us = at_us - trail_clock_boot_us();
  return left_us > 0 ? left_us : 0;
}

static bool wait(struct trail_transport *base, int64_t until_us) {
  struct curl_transport *transport = (struct curl_transport *)base;
  struct trail_ready ready[READY_AT_ONCE];
  if (transport->timer_us == 0) { /* a new transfer: its first bytes leave before any wait */
    run_due_timer(transport);
    collect_finished(transport);
  }
  trail_poller_sleep_with(transport->poller, base->asleep);
  int count =
      trail_poller_wait(transport->poller, wait_time(transport, until_us), ready, READY_AT_ONCE);
  if (count < 0) return false;
  for (int i = 0; i < count; i++) hand_over(transport, &ready[i]);
  run_due_timer(transport);
  collect_finished(transport);
  return true;
}

static int arm(struct trail_transport *base, int64_t at_us) {
  struct curl_transport *transport = (struct curl_transport *)base;
  int64_t first_us = transport->timer_us < at_us ? transport->timer_us : at_us;
  trail_poller_arm(transport->poller, first_us);
  return trail_poller_fd(transport->poller);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void destroy_list(struct curl_transport *transport, struct list *list) {
  for (struct trail_transfer *transfer; (transfer = list_pop(list));) {
    if (list == &transport->in_flight) curl_multi_remove_handle(transport->multi, transfer->easy);
    trail_transfer_destroy(transfer);
  }
}

static void destroy(struct trail_transport *base) {
  struct curl_transport *transport = (struct curl_transport *)base;
  destroy_list(transport, &transport->in_flight);
  destroy_list(transport, &transport->finished);
  destroy_list(transport, &transport->idle);
  if (transport->multi) curl_multi_cleanup(transport->multi); /* closes through the poller */
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
  if (status == TRAIL_OK) {
    transport->multi = curl_multi_init();
    if (!transport->multi) status = TRAIL_NO_MEMORY;
  }
  if (status != TRAIL_OK) {
    destroy(&transport->base);
    return status;
  }
  curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
  curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
  curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
  curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
  curl_multi_setopt(transport->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  *out = &transport->base;
  return TRAIL_OK;
}
