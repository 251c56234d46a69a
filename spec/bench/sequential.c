/* The peer of the sequential benchmark: one easy handle of libcurl's, reused, its body kept in memory.
 *
 *     sequential URL KEY COUNT    ->  the seconds, then the microseconds of each request
 *
 * Its requests have the header lines that ours have. It neither decodes nor looks at a header, and
 * sets no more than it needs.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char body[1 << 16];
static size_t used;

static size_t keep(char *bytes, size_t one, size_t size, void *context) {
  (void)context;
  if (used + one * size > sizeof body) return 0;
  memcpy(body + used, bytes, one * size);
  used += one * size;
  return one * size;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  char authorization[512];
  snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", argv[2]);
  struct curl_slist *headers = curl_slist_append(NULL, authorization);
  headers = curl_slist_append(headers, "Accept: application/json");
  headers = curl_slist_append(headers, "Accept-Encoding: gzip");
  headers = curl_slist_append(headers, "User-Agent: trailmark-lua/0.1.0");
  curl_global_init(CURL_GLOBAL_ALL);
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  long count = strtol(argv[3], NULL, 10), status = 0;
  double began = 0, before, *took = calloc((size_t)count + 1, sizeof *took);
  if (!took) return 1;
  for (long i = -1; i < count; i++) { /* the first one connects and is not counted */
    used = 0;
    before = now();
    if (curl_easy_perform(easy) != CURLE_OK) return 1;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 || used == 0) return 1;
    took[i + 1] = (now() - before) * 1e6;
    if (i < 0) began = now();
  }
  printf("%.6f\n", now() - began);
  for (long i = 1; i <= count; i++) printf("%.1f ", took[i]);
  free(took);
  curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  return 0;
}
