#include "net/origin.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

#include "base/memory.h"

/* The parts of a URL that make an origin, as libcurl spells them. */
struct parts {
  char *scheme, *host, *port, *path;
};

static void parts_clear(struct parts *parts) {
  curl_free(parts->scheme);
  curl_free(parts->host);
  curl_free(parts->port);
  curl_free(parts->path);
}

static bool has(CURLU *url, CURLUPart part) {
  char *text = NULL;
  bool there = curl_url_get(url, part, &text, 0) == CURLUE_OK;
  curl_free(text);
  return there;
}

static enum trail_status parts_read(const char *text, struct parts *parts, const char **why) {
  *parts = (struct parts){0};
  unsigned failures = trail_memory_failures(); /* what was not copied would seem not to be there */
  CURLU *url = curl_url();
  if (!url) return TRAIL_NO_MEMORY;
  enum trail_status status = TRAIL_CONFIG;
  if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    *why = "is no URL";
  else if (has(url, CURLUPART_USER) || has(url, CURLUPART_PASSWORD))
    *why = "holds a user name or password: the key goes into the option key or key_file";
  else if (has(url, CURLUPART_FRAGMENT))
    *why = "holds a fragment (\"#\"), which is never sent";
  else if (has(url, CURLUPART_ZONEID))
    *why = "holds an IPv6 zone, which is not supported";
  else if (curl_url_get(url, CURLUPART_SCHEME, &parts->scheme, 0) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_HOST, &parts->host, 0) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_PATH, &parts->path, 0) == CURLUE_OK)
    status = TRAIL_OK;
  else
    *why = "must begin with https:// and name a host";
  curl_url_cleanup(url);
  return trail_memory_failures() != failures ? TRAIL_NO_MEMORY : status;
}

static bool is_loopback(const char *host) {
  struct in_addr v4;
  if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) return true;
  return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static enum trail_status check_scheme(const struct parts *parts, const char **why) {
  if (strcmp(parts->scheme, "https") == 0) return TRAIL_OK;
  *why = "must begin with https://";
  if (strcmp(parts->scheme, "http") != 0) return TRAIL_CONFIG;
  *why = "must be https: http is accepted for loopback hosts only (localhost, 127.0.0.1, [::1]), "
         "since the key would cross the network in clear";
  return is_loopback(parts->host) ? TRAIL_OK : TRAIL_CONFIG;
}

static enum trail_status spell(const struct parts *parts, struct trail_origin *origin) {
  size_t size = strlen(parts->scheme) + strlen(parts->host) + strlen(parts->port) + 5;
  size_t path_size = strlen(parts->path);
  while (path_size && parts->path[path_size - 1] == '/') path_size--;
  origin->plain_http = strcmp(parts->scheme, "http") == 0;
  origin->text = trail_memory_alloc(size);
  origin->path = trail_memory_copy(parts->path, path_size);
  if (!origin->text || !origin->path) {
    trail_origin_clear(origin);
    return TRAIL_NO_MEMORY;
  }
  bool usual = strcmp(parts->port, origin->plain_http ? "80" : "443") == 0;
  snprintf(origin->text, size, usual ? "%s://%s" : "%s://%s:%s", parts->scheme, parts->host,
           parts->port);
  return TRAIL_OK;
}

enum trail_status trail_origin_parse(const char *base_url, struct trail_origin *origin,
                                     const char **why) {
  struct parts parts;
  *origin = (struct trail_origin){0};
  enum trail_status status = parts_read(base_url, &parts, why);
  if (status == TRAIL_OK && strchr(base_url, '?')) {
    *why = "holds a query: give it with each call";
    status = TRAIL_CONFIG;
  }
  if (status == TRAIL_OK) status = check_scheme(&parts, why);
  if (status == TRAIL_OK) status = spell(&parts, origin);
  parts_clear(&parts);
  return status;
}

void trail_origin_clear(struct trail_origin *origin) {
  trail_memory_free(origin->text);
  trail_memory_free(origin->path);
  *origin = (struct trail_origin){0};
}

/* ---- absolute URLs --------------------------------------------------------------------------- */

bool trail_origin_is_absolute(struct trail_slice path) {
  for (size_t i = 0; i + 2 < path.size; i++) {
    if (path.bytes[i] == '/' || path.bytes[i] == '?') return false;
    if (memcmp(path.bytes + i, "://", 3) == 0) return true;
  }
  return false;
}

/* What stands behind the authority, as written; NULL where libcurl found the host by skipping
 * slashes ("https:/host", "https:///host"), so that the path would begin elsewhere than it thinks.
 */
static const char *behind_authority(const char *url) {
  const char *colon = strchr(url, ':');
  if (!colon || strncmp(colon, "://", 3) != 0) return NULL;
  size_t size = strcspn(colon + 3, "/?#");
  return size ? colon + 3 + size : NULL;
}

static enum trail_status check_origin(const struct trail_origin *origin, const struct parts *parts,
                                      const char **why) {
  struct trail_origin other = {0};
  enum trail_status status = spell(parts, &other);
  if (status == TRAIL_OK && strcasecmp(other.text, origin->text) != 0) {
    *why = "is of another origin than base_url, and the key is not sent there";
    status = TRAIL_ARGUMENT;
  }
  trail_origin_clear(&other);
  return status;
}

enum trail_status trail_origin_target(const struct trail_origin *origin, const char *url,
                                      struct trail_slice *target, const char **why) {
  struct parts parts;
  enum trail_status status = parts_read(url, &parts, why);
  if (status == TRAIL_CONFIG) status = TRAIL_ARGUMENT;
  const char *rest = behind_authority(url);
  if (status == TRAIL_OK && !rest) {
    *why = "must have its host directly behind https://";
    status = TRAIL_ARGUMENT;
  }
  if (status == TRAIL_OK) status = check_origin(origin, &parts, why);
  parts_clear(&parts);
  if (status != TRAIL_OK) return status;
  /* The request goes to our own origin whatever these bytes are. */
  *target = *rest == '/' || *rest == '?' ? trail_slice_text(rest) : trail_slice_text("/");
  return TRAIL_OK;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* libcurl resolves a reference when it is set on a handle that has a URL already. */
static CURLUcode resolve(CURLU *handle, const char *from, const char *reference, char **resolved) {
  CURLUcode code = curl_url_set(handle, CURLUPART_URL, from, CURLU_NON_SUPPORT_SCHEME);
  if (!code) code = curl_url_set(handle, CURLUPART_URL, reference, CURLU_NON_SUPPORT_SCHEME);
  if (!code) code = curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
  if (!code) code = curl_url_get(handle, CURLUPART_URL, resolved, 0);
  return code;
}

enum trail_status trail_origin_follow(const struct trail_origin *origin, const char *from,
                                      const char *reference, char url[TRAIL_ORIGIN_URL_SIZE],
                                      const char **why) {
  char *resolved = NULL;
  struct trail_slice target;
  unsigned failures = trail_memory_failures();
  CURLU *handle = curl_url();
  if (!handle) return TRAIL_NO_MEMORY;
  CURLUcode code = resolve(handle, from, reference, &resolved);
  curl_url_cleanup(handle);
  *why = "is no URL";
  enum trail_status status = code ? TRAIL_ARGUMENT : TRAIL_OK;
  if (trail_memory_failures() != failures) status = TRAIL_NO_MEMORY;
  if (status == TRAIL_OK) status = trail_origin_target(origin, resolved, &target, why);
  if (status == TRAIL_OK && strlen(resolved) >= TRAIL_ORIGIN_URL_SIZE) {
    *why = "is too long";
    status = TRAIL_ARGUMENT;
  }
  if (status == TRAIL_OK) memcpy(url, resolved, strlen(resolved) + 1);
  curl_free(resolved);
  return status;
}
