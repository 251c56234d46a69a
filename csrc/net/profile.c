#include "net/profile.h"

#include <string.h>

static CURLcode set_proxy(CURL *easy, const struct trail_profile *profile) {
  /* Over plain HTTP a proxy would be handed the key, and a loopback server needs none. */
  const char *proxy = profile->plain_http || !profile->proxy ? "" : profile->proxy;
  if (strcmp(proxy, "env") == 0) return CURLE_OK;
  /* Or libcurl would look for NO_PROXY in the environment, too. Without a proxy, for no host: then
   * it does not search the environment with each request. */
  CURLcode code = curl_easy_setopt(easy, CURLOPT_NOPROXY, *proxy ? "" : "*");
  return code ? code : curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
}

/* Its own bytes are borrowed: the profile outlives the handle's requests. */
static CURLcode set_authorities(CURL *easy, const struct trail_profile *profile) {
  struct curl_blob text = {(void *)profile->ca_text.bytes, profile->ca_text.size,
                           CURL_BLOB_NOCOPY};
  if (!text.len)
    return profile->ca_file ? curl_easy_setopt(easy, CURLOPT_CAINFO, profile->ca_file) : CURLE_OK;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &text);
  return code ? code : curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

CURLcode trail_profile_set(const struct trail_profile *profile, CURL *easy) {
  const char *protocols = profile->plain_http ? "http,https" : "https";
  long connect_ms = (long)(profile->connect_timeout_us / 1000);
  CURLcode code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
  if (!code && profile->plain_http) /* HTTP/2 needs TLS here */
    code = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
  if (!code)
    code = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms > 0 ? connect_ms : 1L);
  if (!code) code = set_proxy(easy, profile);
  if (!code) code = set_authorities(easy, profile);
  if (!code && profile->pinned_public_key)
    code = curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, profile->pinned_public_key);
  return code;
}

CURLcode trail_profile_set_origin(const char *url, CURL *easy, CURLU **origin) {
  curl_url_cleanup(*origin);
  *origin = curl_url();
  if (!*origin) return CURLE_OUT_OF_MEMORY;
  CURLUcode code = curl_url_set(*origin, CURLUPART_URL, url, CURLU_PATH_AS_IS);
  if (!code) code = curl_url_set(*origin, CURLUPART_PATH, NULL, 0);
  if (!code) code = curl_url_set(*origin, CURLUPART_QUERY, NULL, 0);
  if (code == CURLUE_OUT_OF_MEMORY) return CURLE_OUT_OF_MEMORY;
  return code ? CURLE_URL_MALFORMAT : curl_easy_setopt(easy, CURLOPT_CURLU, *origin);
}
