/* The peer of the batch benchmark: many small GETs on curl_multi_poll, as a careful C program does
 * them.
 *
 *     batch URL KEY COUNT AT_ONCE [CA_FILE]    ->  the seconds that COUNT requests took
 *
 * AT_ONCE easy handles, each prepared once; when its answer is there it gets the next request's URL.
 * A request has the header lines that ours has. Each body is collected in memory of its own, and
 * status and body are looked at, then dropped; nothing is decoded and no header is kept. With
 * CA_FILE the requests share connections of HTTP/2 over TLS.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct slot {
  CURL *easy;
  char *body;
  size_t used;
};

struct batch {
  CURLM *multi;
  const char *url;
  long started, count;
};

static size_t keep(char *bytes, size_t one, size_t size, void *context) {
  struct slot *slot = context;
  char *body = realloc(slot->body, slot->used + one * size + 1);
  if (!body) return 0;
  memcpy(body + slot->used, bytes, one * size);
  slot->body = body;
  slot->used += one * size;
  body[slot->used] = '\0';
  return one * size;
}

static void prepare(struct slot *slot, struct curl_slist *headers, const char *ca_file) {
  slot->easy = curl_easy_init();
  curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot);
  curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
  curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
  if (!ca_file) return;
  curl_easy_setopt(slot->easy, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(slot->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(slot->easy, CURLOPT_PIPEWAIT, 1L);
}

static void start(struct batch *batch, struct slot *slot) {
  char url[512];
  snprintf(url, sizeof url, "%s?item=%ld", batch->url, ++batch->started);
  curl_easy_setopt(slot->easy, CURLOPT_URL, url);
  if (curl_multi_add_handle(batch->multi, slot->easy) != CURLM_OK) exit(1);
}

static void take(struct slot *slot, CURLcode result) {
  long status = 0;
  curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
  if (result != CURLE_OK || status != 200 || slot->used == 0) exit(1);
  free(slot->body);
  slot->body = NULL;
  slot->used = 0;
}

/* Takes the finished ones and gives their handles to the next; returns how many were taken. */
static long turn_over(struct batch *batch) {
  long done = 0;
  int queued;
  for (CURLMsg *message; (message = curl_multi_info_read(batch->multi, &queued));) {
    struct slot *slot = NULL;
    CURLcode result = message->data.result;
    if (message->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
    curl_multi_remove_handle(batch->multi, slot->easy);
    take(slot, result);
    done++;
    if (batch->started < batch->count) start(batch, slot);
  }
  return done;
}

static void fetch(struct batch *batch, struct slot *slots, long at_once, long count) {
  int running;
  batch->started = 0;
  batch->count = count;
  for (long i = 0; i < at_once; i++) start(batch, &slots[i]);
  for (long done = 0; done < count;) {
    if (curl_multi_perform(batch->multi, &running) != CURLM_OK) exit(1);
    done += turn_over(batch);
    if (done < count && curl_multi_poll(batch->multi, NULL, 0, 1000, NULL) != CURLM_OK) exit(1);
  }
}

/* What ours sends, too. */
static struct curl_slist *header_lines(const char *key) {
  char authorization[512];
  snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", key);
  struct curl_slist *lines = curl_slist_append(NULL, authorization);
  lines = curl_slist_append(lines, "Accept: application/json");
  lines = curl_slist_append(lines, "Accept-Encoding: gzip");
  return curl_slist_append(lines, "User-Agent: trailmark-lua/0.1.0");
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 5 && argc != 6) return 2;
  long count = strtol(argv[3], NULL, 10), at_once = strtol(argv[4], NULL, 10);
  curl_global_init(CURL_GLOBAL_ALL);
  struct batch batch = {.multi = curl_multi_init(), .url = argv[1]};
  struct curl_slist *headers = header_lines(argv[2]);
  struct slot *slots = calloc((size_t)at_once, sizeof *slots);
  if (!slots || count < at_once) return 2;
  if (argc == 6) curl_multi_setopt(batch.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
  for (long i = 0; i < at_once; i++) prepare(&slots[i], headers, argv[5]);
  fetch(&batch, slots, at_once, at_once); /* these connect and are not counted */
  double began = now();
  fetch(&batch, slots, at_once, count);
  printf("%.6f\n", now() - began);
  for (long i = 0; i < at_once; i++) curl_easy_cleanup(slots[i].easy);
  curl_multi_cleanup(batch.multi);
  curl_slist_free_all(headers);
  free(slots);
  return 0;
}
