#include "net/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/memory.h"
#include "base/secret.h"
#include "net/failure.h"
#include "net/gunzip.h"
#include "net/host.h"
#include "net/poller.h"
#include "net/profile.h"

/* ---- callbacks ------------------------------------------------------------------------------ */

static void refuse(struct trail_transfer *transfer, enum trail_status status, const char *why) {
  transfer->refused = true;
  transfer->answer.failure = status;
  trail_answer_say(&transfer->answer, why);
}

/* What libcurl makes of HTTP/2's status, which is not of a line: "HTTP/2 200 ". */
static bool is_made_up(const char *line, size_t size) {
  return size == strlen("HTTP/2 200 \r\n") && line[6] == ' ' && line[10] == ' ';
}

/* libcurl believes a status line that says HTTP/2, whatever the connection speaks, and would let
 * others send their requests on it at the same time. */
static enum trail_status note_version(struct trail_transfer *transfer, const char *line,
                                      size_t size, const char **why) {
  char version = line[5];
  *why = "the status line is of another version than HTTP/1";
  if (version != '1' && (transfer->http1 || !is_made_up(line, size))) return TRAIL_PROTOCOL;
  transfer->framed = version != '1';
  if (transfer->host) trail_host_answers(transfer->host, transfer, version);
  return TRAIL_OK;
}

/* A server may say 408 of an idle connection just as a request comes there, and then answer that,
 * too: whoever came next would be given the answer. RFC 9110, section 15.5.9, has the request
 * repeated on another connection. */
static void part_if_late(struct trail_transfer *transfer) {
  const struct trail_head *head = &transfer->answer.head;
  if (!head->complete || head->status != 408 || transfer->framed || transfer->parting) return;
  transfer->parting = curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
}

static size_t on_header(char *line, size_t one, size_t size, void *context) {
  struct trail_transfer *transfer = context;
  enum trail_status status = TRAIL_OK;
  const char *why;
  if (one * size > 5 && memcmp(line, "HTTP/", 5) == 0)
    status = note_version(transfer, line, one * size, &why);
  if (status == TRAIL_OK) {
    why = "there is not enough memory for the header block";
    status = trail_head_line(&transfer->answer.head, line, one * size, &why);
  }
  part_if_late(transfer);
  if (status == TRAIL_OK) return one * size;
  refuse(transfer, status, why);
  return CURL_WRITEFUNC_ERROR;
}

static enum trail_status decode(struct trail_transfer *transfer, const char *bytes, size_t size) {
  struct trail_buffer *body = &transfer->answer.body;
  if (transfer->answer.head.encoding == TRAIL_ENCODING_IDENTITY)
    return trail_buffer_append(body, bytes, size);
  if (transfer->answer.head.encoding != TRAIL_ENCODING_GZIP) return TRAIL_PROTOCOL;
  if (!transfer->compressed) {
    enum trail_status status = transfer->gunzip ? TRAIL_OK : trail_gunzip_create(&transfer->gunzip);
    if (status != TRAIL_OK) return status;
    trail_gunzip_reset(transfer->gunzip);
    transfer->compressed = true;
  }
  return trail_gunzip_write(transfer->gunzip, bytes, size, body);
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context) {
  struct trail_transfer *transfer = context;
  enum trail_status status = decode(transfer, bytes, one * size);
  if (status == TRAIL_OK) return one * size;
  const char *why = "there is not enough memory for the body";
  if (status == TRAIL_TOO_LARGE) why = "the body is longer than max_response_bytes";
  if (status == TRAIL_PROTOCOL) why = "the body is not the gzip stream it is said to be";
  if (transfer->answer.head.encoding == TRAIL_ENCODING_UNKNOWN)
    why = "the body has a Content-Encoding that was not asked for";
  refuse(transfer, status, why);
  return CURL_WRITEFUNC_ERROR;
}

/* libcurl keeps the first error of a transfer, and may meet that while it closes kept connections
 * which were found dead: only thereafter is it told where to write. */
static void hear_errors(struct trail_transfer *transfer) {
  curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->error);
}

static int on_resolve(void *resolver, void *reserved, void *context) {
  (void)resolver, (void)reserved;
  hear_errors(context);
  return 0;
}

/* Before each time the request is sent. libcurl sends it again by itself when a reused connection
 * dies before the answer; of a request that changes something the first copy may have acted, and
 * the next one is the engine's to decide on, and to count. */
static int on_send(void *context, char *ip, char *local_ip, int port, int local_port) {
  struct trail_transfer *transfer = context;
  (void)ip, (void)local_ip, (void)port;
  hear_errors(transfer);
  /* What libcurl 7.88 cannot copy it may leave out in silence, the query for one. */
  if (trail_memory_failures() != transfer->failures) return CURL_PREREQFUNC_ABORT;
  if (transfer->sends++ > 0 && transfer->once) return CURL_PREREQFUNC_ABORT;
  if (transfer->host) trail_host_sends(transfer->host, transfer, local_port);
  return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
  struct trail_transfer *transfer = context;
  struct trail_host *host = transfer->host;
  (void)purpose;
  hear_errors(transfer);
  transfer->error[0] = '\0'; /* what broke an earlier connection is not what may break this one */
  if (host && !trail_host_may_open(host, transfer)) {
    transfer->turned_back = true;
    return CURL_SOCKET_BAD;
  }
  transfer->opened++;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  transfer->starved = fd < 0 && (errno == EMFILE || errno == ENFILE);
  if (fd < 0) return CURL_SOCKET_BAD;
  if (trail_poller_opened(transfer->hosts->poller, fd) == TRAIL_OK) {
    if (host) trail_host_opened(host, fd);
    return fd;
  }
  close(fd);
  errno = ENOMEM;
  return CURL_SOCKET_BAD;
}

/* It may outlive the transfer that opened it. */
static int on_close(void *context, curl_socket_t fd) {
  struct trail_hosts *hosts = context;
  trail_hosts_closing(hosts, fd);
  return trail_poller_closing(hosts->poller, fd) ? close(fd) : 0;
}

/* ---- options --------------------------------------------------------------------------------- */

struct option {
  CURLoption option;
  long value;
};

/* What holds for every attempt of every client. None may fail: safety rests on them. */
static const struct option fixed_numbers[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_NOPROGRESS, 1},
    {CURLOPT_HTTP09_ALLOWED, 0},
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_UNRESTRICTED_AUTH, 0},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_PROXY_SSL_VERIFYPEER, 1},
    {CURLOPT_PROXY_SSL_VERIFYHOST, 2},
    {CURLOPT_HEADEROPT, CURLHEADER_SEPARATE},
    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_PATH_AS_IS, 1},
    {CURLOPT_QUICK_EXIT, 1},
    {CURLOPT_MAXAGE_CONN, 30},
    {CURLOPT_BUFFERSIZE, 4096}, /* made, wiped and freed for each attempt; most answers fit */
    {CURLOPT_TCP_NODELAY, 1},
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
    {CURLOPT_HTTP_CONTENT_DECODING, 0}, /* see gunzip.h */
    {CURLOPT_SSL_SESSIONID_CACHE, 0},   /* 7.88 frees a session's host twice for want of memory */
    /* No low-speed limit: each attempt has its timeout, and a second limit for the same thing would
     * cut short the long wait that a caller asked for. */
};

static CURLcode set_fixed(struct trail_transfer *transfer) {
  CURL *easy = transfer->easy;
  CURLcode code = CURLE_OK;
  for (size_t i = 0; !code && i < sizeof fixed_numbers / sizeof fixed_numbers[0]; i++)
    code = curl_easy_setopt(easy, fixed_numbers[i].option, fixed_numbers[i].value);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->hosts);
  return code;
}

/* The path and query of a URL, which has a host. */
static const char *target_of(const char *url) {
  const char *authority = strstr(url, "://");
  const char *slash = strchr(authority ? authority + 3 : url, '/');
  return slash ? slash : "/";
}

static enum trail_status adopt_profile(struct trail_transfer *transfer,
                                       const struct trail_request *request) {
  const struct trail_profile *profile = request->profile;
  if (transfer->profile_id == profile->id) return TRAIL_OK;
  /* Not a reset: that changes the size of a buffer which the handle may still hold. */
  transfer->profile_id = 0;
  curl_easy_cleanup(transfer->easy);
  transfer->easy = curl_easy_init();
  if (!transfer->easy) return TRAIL_NO_MEMORY;
  transfer->plain = transfer->own = transfer->parting = false; /* libcurl's own beginning */
  CURLcode code = set_fixed(transfer);
  if (!code) code = trail_profile_set(profile, transfer->easy);
  if (!code) code = trail_profile_set_origin(request->url, transfer->easy, &transfer->origin);
  if (code == CURLE_OUT_OF_MEMORY) return TRAIL_NO_MEMORY;
  if (code) return TRAIL_CONFIG;
  transfer->profile_id = profile->id;
  return TRAIL_OK;
}

/* ---- one attempt ----------------------------------------------------------------------------- */

static size_t count_lines(const char *headers) {
  size_t count = 0;
  for (; headers && *headers; headers += strlen(headers) + 1) count++;
  return count;
}

/* What keeps libcurl from adding lines of its own, which it does where there is a body. */
static bool is_for_bodies(const char *line) {
  return strcmp(line, "Expect:") == 0 || strcmp(line, "Content-Type:") == 0;
}

/* libcurl only walks the list, so its nodes may point at lines that others own: the key's stays
 * where secrets live and is not copied for the list. */
static enum trail_status link_headers(struct trail_transfer *transfer,
                                      const struct trail_request *request) {
  static char accept_encoding[] = "Accept-Encoding: gzip";
  bool bodiless = !request->body;
  size_t needed = count_lines(request->headers) + 3;
  if (needed > transfer->node_capacity) {
    struct curl_slist *nodes = trail_memory_zalloc(needed, sizeof *nodes);
    if (!nodes) return TRAIL_NO_MEMORY;
    trail_memory_free(transfer->nodes);
    transfer->nodes = nodes;
    transfer->node_capacity = needed;
  }
  size_t used = 0;
  if (request->authorization) {
    transfer->authorization = trail_secret_retain(request->authorization);
    transfer->nodes[used++].data = trail_secret_bytes(request->authorization);
  }
  transfer->nodes[used++].data = accept_encoding;
  for (const char *line = request->headers; line && *line; line += strlen(line) + 1)
    if (!bodiless || !is_for_bodies(line)) transfer->nodes[used++].data = (char *)line;
  if (request->more_headers) transfer->nodes[used++].data = (char *)request->more_headers;
  for (size_t i = 0; i < used; i++)
    transfer->nodes[i].next = i + 1 < used ? &transfer->nodes[i + 1] : NULL;
  CURLcode code = curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->nodes);
  return code ? TRAIL_NO_MEMORY : TRAIL_OK;
}

static CURLcode set_method(struct trail_transfer *transfer, const struct trail_request *request) {
  CURL *easy = transfer->easy;
  bool head = strcmp(request->method, "HEAD") == 0;
  bool get = strcmp(request->method, "GET") == 0 || head;
  bool plain = get && !head && !request->body;
  if (plain && transfer->plain) return CURLE_OK; /* as it was */
  transfer->plain = plain;
  /* Each of these also undoes the other's. */
  CURLcode code = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  if (!code && head) code = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (!code && request->body) {
    code = curl_easy_setopt(easy, CURLOPT_POST, 1L);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    if (!code)
      code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
  }
  if (!code)
    code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
                            get && !request->body ? NULL : request->method);
  return code;
}

/* A request that must not be sent twice shares its connection with nobody: libcurl takes a
 * connection that another request has joined for an old one, and repeats what it carried. So those
 * of such requests are opened with a setting that means the same (TLS 1.2 or newer) but reads
 * otherwise, and no other request finds them. */
static CURLcode set_sharing(struct trail_transfer *transfer, bool own) {
  CURL *easy = transfer->easy;
  if (own == transfer->own && !transfer->parting) return CURLE_OK;
  transfer->own = own;
  transfer->parting = false;
  long newest = own ? CURL_SSLVERSION_MAX_TLSv1_3 : CURL_SSLVERSION_MAX_DEFAULT;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 | newest);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, (long)own);
  return code;
}

static void begin(struct trail_transfer *transfer, const struct trail_request *request) {
  trail_answer_clear(&transfer->answer);
  trail_answer_init(&transfer->answer, request->profile->max_response_bytes);
  transfer->once = !request->safe && !request->single_use;
  transfer->bodiless = strcmp(request->method, "HEAD") == 0;
  transfer->http1 = request->profile->plain_http;
  transfer->compressed = transfer->framed = false;
  transfer->sends = 0;
  transfer->until_us = request->until_us;
  transfer->halfway_us = request->started_us + (request->until_us - request->started_us) / 2;
  transfer->connect_us = request->profile->connect_timeout_us;
  transfer->connect_by_us = 0;
}

enum trail_status trail_transfer_prepare(struct trail_transfer *transfer, struct trail_hosts *hosts,
                                         const struct trail_request *request) {
  transfer->hosts = hosts;
  enum trail_status status = adopt_profile(transfer, request);
  if (status != TRAIL_OK) return status;
  status = link_headers(transfer, request);
  if (status != TRAIL_OK) return status;
  CURLcode code = set_method(transfer, request);
  if (!code)
    code = curl_easy_setopt(transfer->easy, CURLOPT_REQUEST_TARGET, target_of(request->url));
  if (!code) code = set_sharing(transfer, request->single_use);
  if (!code)
    code = curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, (long)request->fresh_connection);
  begin(transfer, request);
  if (code) return TRAIL_NO_MEMORY;
  if (!request->profile->plain_http && !transfer->own)
    transfer->host = trail_hosts_enter(hosts, request);
  return TRAIL_OK;
}

void trail_transfer_launch(struct trail_transfer *transfer) {
  transfer->refused = transfer->turned_back = transfer->starved = false;
  transfer->error[0] = '\0';
  curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, NULL); /* see hear_errors */
  transfer->opened = 0;
  transfer->fd = -1;
  transfer->failures = trail_memory_failures();
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool ended_early(CURLcode code) {
  return code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
         code == CURLE_SEND_ERROR;
}

/* Of what resolving a name needs, and of a file of certificates, libcurl does not tell that it was a
 * descriptor. */
static bool is_starved(const struct trail_transfer *transfer, CURLcode code) {
  if (transfer->starved) return true;
  if (code == CURLE_COULDNT_RESOLVE_HOST) return trail_descriptors_lack(3);
  return code == CURLE_SSL_CACERT_BADFILE && trail_descriptors_lack(2); /* its socket is closed */
}

static void explain(struct trail_transfer *transfer, CURLcode code) {
  if (is_starved(transfer, code)) {
    char said[128];
    trail_descriptors_complain("a connection", said, sizeof said);
    trail_answer_say(&transfer->answer, said);
    transfer->answer.failure = TRAIL_NETWORK;
    transfer->answer.uncounted = true;
    return;
  }
  trail_answer_say(&transfer->answer, trail_failure_words((int)code, transfer->error));
}

/* An answer that can have a body, says it is gzip, and does not come to the stream's end. */
static bool ends_within_gzip(const struct trail_transfer *transfer) {
  const struct trail_head *head = &transfer->answer.head;
  if (head->encoding != TRAIL_ENCODING_GZIP) return false;
  if (transfer->compressed) return !trail_gunzip_is_complete(transfer->gunzip);
  return !transfer->bodiless && head->status != 204 && head->status != 304;
}

/* libcurl does not tell whether TLS ended with its word or anybody on the way cut the connection. */
static bool is_open_ended(const struct trail_transfer *transfer) {
  const struct trail_head *head = &transfer->answer.head;
  bool bodiless = transfer->bodiless || head->status == 204 || head->status == 304;
  bool told = head->chunked || head->content_length >= 0 || transfer->compressed;
  return !transfer->http1 && !transfer->framed && !bodiless && !told;
}

static void judge(struct trail_transfer *transfer, CURLcode code) {
  struct trail_answer *answer = &transfer->answer;
  answer->curl_code = (int)code;
  answer->sent = transfer->sends > 0; /* what a proxy was asked for before is none of it */
  if (transfer->refused) return;
  answer->failure = trail_failure_refine((int)code, transfer->error, answer->head.bytes > 0);
  /* Whatever libcurl calls it: a name that was not found, a certificate that does not fit ... */
  if (answer->failure != TRAIL_OK && trail_memory_failures() != transfer->failures) {
    refuse(transfer, TRAIL_NO_MEMORY, "there was not enough memory for the transfer");
    return;
  }
  bool malformed = code == CURLE_RECV_ERROR && answer->failure == TRAIL_PROTOCOL;
  answer->cut = ended_early(code) && !malformed;
  if (code == CURLE_ABORTED_BY_CALLBACK) { /* by on_send */
    answer->cut = true;
    refuse(transfer, TRAIL_NETWORK, "the connection was closed before the answer");
    return;
  }
  /* Of a request on a connection of its own libcurl repeats only what the server refused
   * unprocessed. */
  if (transfer->own && strstr(transfer->error, "Connection died, tried")) answer->sent = false;
  if (code == CURLE_OUT_OF_MEMORY && answer->sent && !answer->head.complete) {
    refuse(transfer, TRAIL_TOO_LARGE, "a header line is longer than 100 KiB"); /* than it takes */
    return;
  }
  if (code) {
    explain(transfer, code);
  } else if (!answer->head.complete) {
    /* libcurl calls a connection that ended inside the header block a success. */
    answer->cut = true;
    refuse(transfer, TRAIL_PROTOCOL, "the connection ended inside the header block");
  } else if (ends_within_gzip(transfer)) {
    refuse(transfer, TRAIL_PROTOCOL, "the compressed body ended before its end");
  }
  answer->open_ended = is_open_ended(transfer);
}

static struct trail_wire *wire_of(const struct trail_transfer *transfer) {
  return transfer->host ? trail_host_wire(transfer->host, transfer->wire) : NULL;
}

void trail_transfer_finish(struct trail_transfer *transfer, CURLcode code) {
  struct trail_wire *wire = wire_of(transfer);
  judge(transfer, code);
  transfer->worn = code != CURLE_OK || transfer->sends > 1;
  transfer->answer.shared = wire && wire->shared;
  if (!wire || !transfer->answer.cut) return;
  if (wire->broken) transfer->answer.uncounted = true;
  wire->broken = true;
}

static bool passed(CURL *easy, CURLINFO moment) {
  curl_off_t at = 0;
  curl_easy_getinfo(easy, moment, &at);
  return at > 0;
}

static const char *stalled_in(const struct trail_transfer *transfer) {
  CURL *easy = transfer->easy;
  if (transfer->place == TRAIL_TRANSFER_WAITING) return "waiting for a connection to be opened";
  if (transfer->answer.head.complete) return "receiving the body";
  if (transfer->answer.head.bytes) return "receiving the header block";
  if (passed(easy, CURLINFO_PRETRANSFER_TIME_T)) return "waiting for the answer";
  if (passed(easy, CURLINFO_CONNECT_TIME_T)) return "in the TLS handshake";
  if (passed(easy, CURLINFO_NAMELOOKUP_TIME_T)) return "connecting";
  return "resolving the host name";
}

void trail_transfer_stop(struct trail_transfer *transfer) {
  struct trail_wire *wire = wire_of(transfer);
  transfer->worn = transfer->sends > 0;
  transfer->answer.shared = wire && wire->shared;
  transfer->answer.sent = transfer->sends > 0;
  trail_answer_say(&transfer->answer, stalled_in(transfer));
}

void trail_transfer_expire(struct trail_transfer *transfer) {
  struct trail_answer *answer = &transfer->answer;
  answer->failure = TRAIL_TIMEOUT;
  answer->sent = transfer->sends > 0;
  trail_answer_say(answer, "timed out waiting for a connection to be opened");
}

void trail_transfer_release(struct trail_transfer *transfer) {
  if (transfer->host) {
    trail_host_quits(transfer->host, transfer);
    trail_host_leave(transfer->host);
  }
  transfer->host = NULL;
  if (transfer->easy) curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
  trail_secret_release(transfer->authorization);
  transfer->authorization = NULL;
  transfer->owner = NULL;
}

enum trail_status trail_transfer_create(struct trail_transfer **out) {
  struct trail_transfer *transfer = trail_memory_zalloc(1, sizeof *transfer);
  *out = NULL;
  if (!transfer) return TRAIL_NO_MEMORY;
  trail_answer_init(&transfer->answer, 0);
  *out = transfer;
  return TRAIL_OK;
}

void trail_transfer_destroy(struct trail_transfer *transfer) {
  if (!transfer) return;
  curl_easy_cleanup(transfer->easy);
  curl_url_cleanup(transfer->origin);
  trail_secret_release(transfer->authorization);
  trail_gunzip_destroy(transfer->gunzip);
  trail_memory_free(transfer->nodes);
  trail_answer_clear(&transfer->answer);
  trail_memory_free(transfer);
}
