#include "net/failure.h"

#include <curl/curl.h>
#include <stddef.h>
#include <string.h>

struct row {
  CURLcode code;
  enum trail_status status;
};

/* What is not listed is a network failure, a stream of HTTP/2 that was reset among them.
 * CURLE_WRITE_ERROR never gets here: our own callback caused it and left its reason. 7.88 files an
 * over-long header line under CURLE_OUT_OF_MEMORY; our own bound is lower and comes first. */
static const struct row rows[] = {
    {CURLE_OK, TRAIL_OK},
    {CURLE_OPERATION_TIMEDOUT, TRAIL_TIMEOUT},
    {CURLE_OUT_OF_MEMORY, TRAIL_NO_MEMORY},
    {CURLE_URL_MALFORMAT, TRAIL_CONFIG},
    {CURLE_UNSUPPORTED_PROTOCOL, TRAIL_PROTOCOL}, /* HTTP/0.9 */
    {CURLE_WEIRD_SERVER_REPLY, TRAIL_PROTOCOL},
    {CURLE_PARTIAL_FILE, TRAIL_PROTOCOL},
    {CURLE_BAD_CONTENT_ENCODING, TRAIL_PROTOCOL},
    {CURLE_HTTP2, TRAIL_PROTOCOL},
    {CURLE_FILESIZE_EXCEEDED, TRAIL_TOO_LARGE},
    {CURLE_SSL_CONNECT_ERROR, TRAIL_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, TRAIL_TLS},
    {CURLE_SSL_CACERT_BADFILE, TRAIL_TLS},
    {CURLE_SSL_CERTPROBLEM, TRAIL_TLS},
    {CURLE_SSL_CIPHER, TRAIL_TLS},
    {CURLE_SSL_CRL_BADFILE, TRAIL_TLS},
    {CURLE_SSL_ISSUER_ERROR, TRAIL_TLS},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, TRAIL_TLS},
    {CURLE_SSL_INVALIDCERTSTATUS, TRAIL_TLS},
    {CURLE_SSL_ENGINE_NOTFOUND, TRAIL_TLS},
    {CURLE_SSL_ENGINE_SETFAILED, TRAIL_TLS},
};

enum trail_status trail_failure_of(int curl_code) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].code == (CURLcode)curl_code) return rows[i].status;
  return TRAIL_NETWORK;
}

/* libcurl keeps the first error of a transfer, which may be none of its failure: it could not tell
 * the peer's address, for the connection had ended by then, and went on. There is no text at all
 * where that first one was of another connection, which died as it was used again. */
static bool tells(const char *text) {
  static const char aside[] = "getpeername() failed";
  return *text && strncmp(text, aside, sizeof aside - 1) != 0;
}

/* Within the TLS handshake, which libcurl 7.88 reports like a certificate that does not fit. Another
 * attempt is right here, and there it would meet the same. */
static bool broke_off(const char *text) {
  return !tells(text) || strstr(text, "SSL_ERROR_SYSCALL") || strstr(text, "unexpected eof") ||
         strstr(text, "Recv failure") || strstr(text, "Send failure") ||
         strstr(text, "reset by peer");
}

enum trail_status trail_failure_refine(int curl_code, const char *text, bool head_begun) {
  switch ((CURLcode)curl_code) {
    case CURLE_RECV_ERROR: /* what a chunk does wrong is one, too */
      return strstr(text, "chunked-encoding") ? TRAIL_PROTOCOL : TRAIL_NETWORK;
    case CURLE_SSL_CONNECT_ERROR:
      return broke_off(text) ? TRAIL_NETWORK : TRAIL_TLS;
    case CURLE_HTTP2: /* a session given up before it answered, by GOAWAY say */
      return head_begun ? TRAIL_PROTOCOL : TRAIL_NETWORK;
    default:
      return trail_failure_of(curl_code);
  }
}

const char *trail_failure_words(int curl_code, const char *text) {
  if (tells(text)) return text;
  if (curl_code == CURLE_SSL_CONNECT_ERROR) return "the connection ended inside the TLS handshake";
  return curl_easy_strerror((CURLcode)curl_code);
}
