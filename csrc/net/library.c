#include "net/library.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define OLDEST 0x075700 /* 7.87.0: CURLOPT_QUICK_EXIT, and TLS writes that raise no SIGPIPE */

#if LIBCURL_VERSION_NUM < OLDEST
#error "trailmark needs libcurl 7.87.0 or newer"
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char fault[128];

static void *zalloc(size_t count, size_t size) { return trail_memory_zalloc(count, size); }
static char *copy_text(const char *text) { return trail_memory_copy(text, strlen(text)); }

bool trail_library_suits(const struct curl_version_info_data *info, char *why, size_t size) {
  if (info->version_num < OLDEST)
    snprintf(why, size, "libcurl %s is too old: 7.87.0 or newer is needed", info->version);
  else if (!(info->features & CURL_VERSION_SSL))
    snprintf(why, size, "libcurl %s was built without TLS", info->version);
  else if (!(info->features & CURL_VERSION_ASYNCHDNS))
    snprintf(why, size, "libcurl %s resolves names without a thread and would block",
             info->version);
  else
    return true;
  return false;
}

static void start(void) {
  /* Ignored by libcurl when another module was first; then its copies of a key are not wiped. */
  if (curl_global_init_mem(CURL_GLOBAL_ALL, trail_memory_alloc, trail_memory_free,
                           trail_memory_resize, copy_text, zalloc) == CURLE_OK)
    (void)!trail_library_suits(curl_version_info(CURLVERSION_NOW), fault, sizeof fault);
  else
    snprintf(fault, sizeof fault, "libcurl did not start");
}

enum trail_status trail_library_start(void) {
  pthread_once(&once, start);
  return fault[0] ? TRAIL_CONFIG : TRAIL_OK;
}

const char *trail_library_fault(void) { return fault; }

const char *trail_library_ca_file(void) { return curl_version_info(CURLVERSION_NOW)->cainfo; }
