#include "net/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/secret.h"
#include "net/failure.h"
#include "net/gunzip.h"

/* ---- callbacks ------------------------------------------------------------------------------ */

static void refuse(struct trail_transfer *transfer, enum trail_status status, const char *why) {
  transfer->refused = true;
  transfer->answer.failure = status;
  snprintf(transfer->answer.message, sizeof transfer->answer.message, "%s", why);
}

static size_t on_header(char *line, size_t one, size_t size, void *context) {
  struct trail_transfer *transfer = context;
  const char *why = "there is not enough memory for the header block";
  enum trail_status status = trail_head_line(&transfer->answer.head, line, one * size, &why);
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

/* Before each time the request is sent. libcurl sends it again by itself when a reused connection
 * dies before the answer; of a request that changes something the first copy may have acted, and
 * the next one is the engine's to decide on, and to count. */
static int on_send(void *context, char *ip, char *local_ip, int port, int local_port) {
  struct trail_transfer *transfer = context;
  (void)ip, (void)local_ip, (void)port, (void)local_port;
  bool again = transfer->sends++ > 0;
  return again && transfer->once ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
  struct trail_poller *poller = context;
  (void)purpose;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  if (trail_poller_opened(poller, fd) == TRAIL_OK) return fd;
  close(fd);
  errno = ENOMEM;
  return CURL_SOCKET_BAD;
}

static int on_close(void *context, curl_socket_t fd) {
  trail_poller_closing(context, fd);
  return close(fd);
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
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_HEADEROPT, CURLHEADER_SEPARATE},
    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_PATH_AS_IS, 1},
    {CURLOPT_QUICK_EXIT, 1},
    {CURLOPT_MAXAGE_CONN, 30},
    {CURLOPT_TCP_NODELAY, 1},
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
    {CURLOPT_HTTP_CONTENT_DECODING, 0}, /* see gunzip.h */
    /* No low-speed limit: each attempt has its timeout, and a second limit for the same thing would
     * cut short the long wait that a caller asked for. */
};

static CURLcode set_fixed(struct trail_transfer *transfer, struct trail_poller *poller) {
  CURL *easy = transfer->easy;
  CURLcode code = CURLE_OK;
  for (size_t i = 0; !code && i < sizeof fixed_numbers / sizeof fixed_numbers[0]; i++)
    code = curl_easy_setopt(easy, fixed_numbers[i].option, fixed_numbers[i].value);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, poller);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, poller);
  return code;
}

static CURLcode set_proxy(CURL *easy, const struct trail_profile *profile) {
  /* Over plain HTTP a proxy would be handed the key, and a loopback server needs none. */
  const char *proxy = profile->plain_http || !profile->proxy ? "" : profile->proxy;
  return strcmp(proxy, "env") == 0 ? CURLE_OK : curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
}

static CURLcode set_profile(CURL *easy, const struct trail_profile *profile) {
  const char *protocols = profile->plain_http ? "http,https" : "https";
  long connect_ms = (long)(profile->connect_timeout_us / 1000);
  CURLcode code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
  /* HTTP/2 needs TLS here. Who asks for it waits for the first answer to see whether there is any.
   */
  if (!code && profile->plain_http)
    code = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
  if (!code)
    code = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms > 0 ? connect_ms : 1L);
  if (!code) code = set_proxy(easy, profile);
  if (!code && profile->ca_file) code = curl_easy_setopt(easy, CURLOPT_CAINFO, profile->ca_file);
  if (!code && profile->pinned_public_key)
    code = curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, profile->pinned_public_key);
  return code;
}

static enum trail_status adopt_profile(struct trail_transfer *transfer, struct trail_poller *poller,
                                       const struct trail_profile *profile) {
  if (transfer->profile_id == profile->id) return TRAIL_OK;
  transfer->profile_id = 0;
  curl_easy_reset(transfer->easy);
  CURLcode code = set_fixed(transfer, poller);
  if (!code) code = set_profile(transfer->easy, profile);
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

/* libcurl only walks the list, so its nodes may point at lines that others own: the key's stays
 * where secrets live and is not copied for the list. */
static enum trail_status link_headers(struct trail_transfer *transfer,
                                      const struct trail_request *request) {
  static char accept_encoding[] = "Accept-Encoding: gzip";
  size_t needed = count_lines(request->headers) + 2;
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
    transfer->nodes[used++].data = (char *)line;
  for (size_t i = 0; i < used; i++)
    transfer->nodes[i].next = i + 1 < used ? &transfer->nodes[i + 1] : NULL;
  CURLcode code = curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->nodes);
  return code ? TRAIL_NO_MEMORY : TRAIL_OK;
}

static CURLcode set_method(CURL *easy, const struct trail_request *request) {
  bool head = strcmp(request->method, "HEAD") == 0;
  bool get = strcmp(request->method, "GET") == 0 || head;
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

enum trail_status trail_transfer_prepare(struct trail_transfer *transfer,
                                         struct trail_poller *poller,
                                         const struct trail_request *request) {
  enum trail_status status = adopt_profile(transfer, poller, request->profile);
  if (status != TRAIL_OK) return status;
  status = link_headers(transfer, request);
  if (status != TRAIL_OK) return status;
  CURLcode code = set_method(transfer->easy, request);
  if (!code) code = curl_easy_setopt(transfer->easy, CURLOPT_URL, request->url);
  if (!code)
    code = curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, (long)request->fresh_connection);
  if (!code)
    code = curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, (long)request->single_use);
  trail_answer_clear(&transfer->answer);
  trail_answer_init(&transfer->answer, request->profile->max_response_bytes);
  transfer->refused = transfer->compressed = false;
  transfer->fresh = request->fresh_connection;
  transfer->once = !request->safe && !request->fresh_connection;
  transfer->sends = 0;
  transfer->bodiless = strcmp(request->method, "HEAD") == 0;
  transfer->error[0] = '\0';
  return code ? TRAIL_NO_MEMORY : TRAIL_OK;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Once a connection stands, bytes of the request may be anywhere on the way. */
static bool may_have_sent(CURL *easy) {
  curl_off_t before_sending = 0;
  long request_bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &before_sending);
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
  return before_sending > 0 || request_bytes > 0;
}

static bool ended_early(CURLcode code) {
  return code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
         code == CURLE_SEND_ERROR;
}

static void explain(struct trail_transfer *transfer, CURLcode code) {
  const char *text = transfer->error[0] ? transfer->error : curl_easy_strerror(code);
  snprintf(transfer->answer.message, sizeof transfer->answer.message, "%s", text);
}

/* An answer that can have a body, says it is gzip, and does not come to the stream's end. */
static bool ends_within_gzip(const struct trail_transfer *transfer) {
  const struct trail_head *head = &transfer->answer.head;
  if (head->encoding != TRAIL_ENCODING_GZIP) return false;
  if (transfer->compressed) return !trail_gunzip_is_complete(transfer->gunzip);
  return !transfer->bodiless && head->status != 204 && head->status != 304;
}

void trail_transfer_finish(struct trail_transfer *transfer, CURLcode code) {
  struct trail_answer *answer = &transfer->answer;
  answer->curl_code = (int)code;
  answer->sent = may_have_sent(transfer->easy);
  if (transfer->refused) return;
  answer->failure = trail_failure_refine((int)code, transfer->error, answer->head.bytes > 0);
  bool malformed = code == CURLE_RECV_ERROR && answer->failure == TRAIL_PROTOCOL;
  answer->cut = ended_early(code) && !malformed;
  if (code == CURLE_ABORTED_BY_CALLBACK) { /* by on_send */
    answer->cut = true;
    refuse(transfer, TRAIL_NETWORK, "the connection was closed before the answer");
    return;
  }
  /* Of a request on a connection of its own libcurl repeats only what the server refused
   * unprocessed. */
  if (transfer->fresh && strstr(transfer->error, "Connection died, tried")) answer->sent = false;
  if (code == CURLE_OUT_OF_MEMORY && answer->sent && !answer->head.complete) {
    /* A line longer than libcurl takes; memory that ran out would have shown before. */
    refuse(transfer, TRAIL_TOO_LARGE, "a header line is longer than 100 KiB");
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
}

static bool passed(CURL *easy, CURLINFO moment) {
  curl_off_t at = 0;
  curl_easy_getinfo(easy, moment, &at);
  return at > 0;
}

static const char *stalled_in(const struct trail_transfer *transfer) {
  CURL *easy = transfer->easy;
  if (transfer->answer.head.complete) return "receiving the body";
  if (transfer->answer.head.bytes) return "receiving the header block";
  if (passed(easy, CURLINFO_PRETRANSFER_TIME_T)) return "waiting for the answer";
  if (passed(easy, CURLINFO_CONNECT_TIME_T)) return "in the TLS handshake";
  if (passed(easy, CURLINFO_NAMELOOKUP_TIME_T)) return "connecting";
  return "resolving the host name";
}

void trail_transfer_stop(struct trail_transfer *transfer) {
  transfer->answer.sent = may_have_sent(transfer->easy);
  snprintf(transfer->answer.message, sizeof transfer->answer.message, "%s", stalled_in(transfer));
}

void trail_transfer_release(struct trail_transfer *transfer) {
  curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, NULL);
  trail_secret_release(transfer->authorization);
  transfer->authorization = NULL;
  transfer->owner = NULL;
}

enum trail_status trail_transfer_create(struct trail_transfer **out) {
  struct trail_transfer *transfer = trail_memory_zalloc(1, sizeof *transfer);
  *out = NULL;
  if (!transfer) return TRAIL_NO_MEMORY;
  trail_answer_init(&transfer->answer, 0);
  transfer->easy = curl_easy_init();
  if (!transfer->easy) {
    trail_transfer_destroy(transfer);
    return TRAIL_NO_MEMORY;
  }
  *out = transfer;
  return TRAIL_OK;
}

void trail_transfer_destroy(struct trail_transfer *transfer) {
  if (!transfer) return;
  if (transfer->easy) curl_easy_cleanup(transfer->easy);
  trail_secret_release(transfer->authorization);
  trail_gunzip_destroy(transfer->gunzip);
  trail_memory_free(transfer->nodes);
  trail_answer_clear(&transfer->answer);
  trail_memory_free(transfer);
}
