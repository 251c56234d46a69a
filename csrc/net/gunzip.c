#include "net/gunzip.h"

#include <stdint.h>
#include <zlib.h>

#include "base/memory.h"

enum { GZIP_ONLY = 16 + MAX_WBITS, CHUNK = 16384 };

struct trail_gunzip {
  z_stream stream;
  bool begun; /* within a member */
};

static void *zlib_alloc(void *unused, unsigned count, unsigned size) {
  (void)unused;
  return trail_memory_zalloc(count, size);
}

static void zlib_free(void *unused, void *block) {
  (void)unused;
  trail_memory_free(block);
}

enum trail_status trail_gunzip_create(struct trail_gunzip **out) {
  struct trail_gunzip *gunzip = trail_memory_zalloc(1, sizeof *gunzip);
  *out = NULL;
  if (!gunzip) return TRAIL_NO_MEMORY;
  gunzip->stream.zalloc = zlib_alloc;
  gunzip->stream.zfree = zlib_free;
  if (inflateInit2(&gunzip->stream, GZIP_ONLY) != Z_OK) {
    trail_memory_free(gunzip);
    return TRAIL_NO_MEMORY;
  }
  *out = gunzip;
  return TRAIL_OK;
}

void trail_gunzip_destroy(struct trail_gunzip *gunzip) {
  if (!gunzip) return;
  inflateEnd(&gunzip->stream);
  trail_memory_free(gunzip);
}

void trail_gunzip_reset(struct trail_gunzip *gunzip) {
  inflateReset(&gunzip->stream);
  gunzip->begun = false;
}

/* Decodes what there is into `to`, up to the end of the input or of the member. */
static enum trail_status inflate_some(struct trail_gunzip *gunzip, struct trail_buffer *to) {
  char chunk[CHUNK];
  z_stream *stream = &gunzip->stream;
  stream->next_out = (Bytef *)chunk;
  stream->avail_out = CHUNK;
  gunzip->begun = true;
  int code = inflate(stream, Z_NO_FLUSH);
  if (code == Z_MEM_ERROR) return TRAIL_NO_MEMORY;
  /* Z_BUF_ERROR: nothing to do now, more is to come. */
  if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return TRAIL_PROTOCOL;
  enum trail_status status = trail_buffer_append(to, chunk, CHUNK - stream->avail_out);
  if (code == Z_STREAM_END) trail_gunzip_reset(gunzip);
  return status;
}

enum trail_status trail_gunzip_write(struct trail_gunzip *gunzip, const char *bytes, size_t size,
                                     struct trail_buffer *to) {
  z_stream *stream = &gunzip->stream;
  stream->next_in = (Bytef *)(uintptr_t)bytes;
  stream->avail_in = (unsigned)size;
  do {
    enum trail_status status = inflate_some(gunzip, to);
    if (status != TRAIL_OK) return status;
    /* A full chunk may mean that more is ready, though the input is used up. */
  } while (stream->avail_in || (gunzip->begun && stream->avail_out == 0));
  return TRAIL_OK;
}

bool trail_gunzip_is_complete(const struct trail_gunzip *gunzip) { return !gunzip->begun; }
