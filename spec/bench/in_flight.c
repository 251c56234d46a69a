/* The peer of the benchmark of memory in flight: COUNT easy handles of libcurl's with their requests
 * sent and their answers outstanding.
 *
 *     in_flight URL KEY COUNT    ->  KiB of private memory they cost together
 *
 * Each handle has what it needs to be of use: a URL, a header list and a callback.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static size_t drop(char *bytes, size_t one, size_t size, void *context) {
  (void)bytes, (void)context;
  return one * size;
}

static long private_kib(void) {
  char line[256];
  long kib = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "RssAnon: %ld", &kib) == 1) break;
  if (file) fclose(file);
  return kib;
}

static void start(CURLM *multi, const char *url, struct curl_slist *headers) {
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) exit(1);
}

/* Until nothing has happened for a while: all of them have then sent what they have to send. */
static void settle(CURLM *multi) {
  int running, ready = 1;
  while (ready) {
    if (curl_multi_perform(multi, &running) != CURLM_OK) exit(1);
    if (curl_multi_poll(multi, NULL, 0, 300, &ready) != CURLM_OK) exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long count = strtol(argv[3], NULL, 10);
  char authorization[512];
  snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", argv[2]);
  struct curl_slist *headers = curl_slist_append(NULL, authorization);
  headers = curl_slist_append(headers, "Accept: application/json");
  curl_global_init(CURL_GLOBAL_ALL);
  CURLM *multi = curl_multi_init();
  start(multi, argv[1], headers); /* what is made once is not counted */
  settle(multi);
  long before = private_kib();
  for (long i = 0; i < count; i++) start(multi, argv[1], headers);
  settle(multi);
  printf("%ld\n", private_kib() - before);
  fflush(stdout);
  _Exit(0); /* the answers never come */
}
