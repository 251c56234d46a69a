#include "fault_log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *stream;
static char *text;
static size_t size;

void fault_log_add(const char *format, ...) {
  va_list arguments;
  pthread_mutex_lock(&lock);
  if (!stream) stream = open_memstream(&text, &size);
  if (stream) {
    va_start(arguments, format);
    vfprintf(stream, format, arguments);
    va_end(arguments);
  }
  pthread_mutex_unlock(&lock);
}

void fault_log_write(FILE *to) {
  pthread_mutex_lock(&lock);
  if (stream && fflush(stream) == 0) fwrite(text, 1, size, to);
  pthread_mutex_unlock(&lock);
}

void fault_log_clear(void) {
  pthread_mutex_lock(&lock);
  if (stream) fclose(stream);
  free(text);
  stream = NULL;
  text = NULL;
  size = 0;
  pthread_mutex_unlock(&lock);
}
