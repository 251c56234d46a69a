/* Where a key may go (net/origin). The lines of the input: a base URL, the page that a link stands
 * on, the link. */
#include "net/origin.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

#include "fuzz.h"

enum { PARTS = 3 };

/* Scheme, host and port as libcurl, which is going to connect, reads them. */
static bool read_parts(const char *text, char *parts[PARTS]) {
  static const CURLUPart which[PARTS] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
  CURLU *url = curl_url();
  CHECK(url != NULL);
  bool read = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;
  for (int i = 0; i < PARTS; i++) parts[i] = NULL;
  for (int i = 0; read && i < PARTS; i++)
    read = curl_url_get(url, which[i], &parts[i], CURLU_DEFAULT_PORT) == CURLUE_OK;
  curl_url_cleanup(url);
  return read;
}

static void free_parts(char *parts[PARTS]) {
  for (int i = 0; i < PARTS; i++) curl_free(parts[i]);
}

/* What goes to this URL goes to the origin. */
static void check_same_origin(const struct trail_origin *origin, const char *url) {
  char *ours[PARTS], *its[PARTS];
  CHECK(read_parts(origin->text, ours));
  CHECK(read_parts(url, its));
  for (int i = 0; i < PARTS; i++) CHECK(strcasecmp(ours[i], its[i]) == 0);
  free_parts(ours);
  free_parts(its);
}

static void check_origin(const struct trail_origin *origin) {
  char *parts[PARTS];
  CHECK(read_parts(origin->text, parts));
  bool https = strcmp(parts[0], "https") == 0;
  bool loopback = strcasecmp(parts[1], "localhost") == 0 || strcmp(parts[1], "[::1]") == 0 ||
                  strncmp(parts[1], "127.", 4) == 0;
  CHECK(https || (strcmp(parts[0], "http") == 0 && loopback));
  CHECK(origin->plain_http == !https);
  CHECK(!strchr(origin->text, '@') && !strchr(strstr(origin->text, "//") + 2, '/'));
  CHECK(!strpbrk(origin->path, "?#"));
  size_t size = strlen(origin->path);
  CHECK(size == 0 || origin->path[size - 1] != '/');
  free_parts(parts);
}

static void check_target(const struct trail_origin *origin, const char *url) {
  struct trail_slice target = {NULL, 0};
  const char *why = NULL;
  enum trail_status status = trail_origin_target(origin, url, &target, &why);
  CHECK(status == TRAIL_OK || (status == TRAIL_ARGUMENT && why && *why));
  if (status != TRAIL_OK) return;
  CHECK(target.size && (target.bytes[0] == '/' || target.bytes[0] == '?'));
  check_same_origin(origin, url);
}

static void check_link(const struct trail_origin *origin, const char *from, const char *link) {
  static char url[TRAIL_ORIGIN_URL_SIZE];
  const char *why = NULL;
  enum trail_status status = trail_origin_follow(origin, from, link, url, &why);
  CHECK(status == TRAIL_OK || (status == TRAIL_ARGUMENT && why && *why));
  if (status != TRAIL_OK) return;
  CHECK(strlen(url) < sizeof url && !strchr(url, '#'));
  check_same_origin(origin, url);
  check_target(origin, url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice rest = trail_slice_of((const char *)data, size);
  char *lines[3];
  for (int i = 0; i < 3; i++) lines[i] = fuzz_text(fuzz_line(&rest));
  struct trail_origin origin;
  const char *why = NULL;
  enum trail_status status = trail_origin_parse(lines[0], &origin, &why);
  CHECK(status == TRAIL_OK || (status == TRAIL_CONFIG && why && *why));
  if (status == TRAIL_OK) {
    check_origin(&origin);
    check_target(&origin, lines[1]);
    check_target(&origin, lines[2]);
    check_link(&origin, lines[1], lines[2]);
  }
  (void)trail_origin_is_absolute(trail_slice_text(lines[2]));
  trail_origin_clear(&origin);
  for (int i = 0; i < 3; i++) free(lines[i]);
  return 0;
}
