/* Compressed bodies (net/gunzip). The first byte of the input tells: "z", the rest is compressed
 * first, and has to come back; "d", and damaged at the place that the next byte says; anything
 * else, the rest is the compressed stream. */
#include "net/gunzip.h"

#include <stdlib.h>
#include <zlib.h>

#include "fuzz.h"

enum { LIMIT = 1 << 20, GZIP = 16 + MAX_WBITS };

static struct trail_slice compress_text(struct trail_slice text) {
  z_stream stream = {0};
  CHECK(deflateInit2(&stream, 6, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  size_t room = deflateBound(&stream, text.size);
  char *bytes = malloc(room);
  CHECK(bytes != NULL);
  stream.next_in = (Bytef *)(uintptr_t)text.bytes;
  stream.avail_in = (unsigned)text.size;
  stream.next_out = (Bytef *)bytes;
  stream.avail_out = (unsigned)room;
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  size_t size = room - stream.avail_out;
  deflateEnd(&stream);
  return trail_slice_of(bytes, size);
}

struct decoded {
  enum trail_status status;
  bool complete;
  struct trail_buffer body;
};

/* In pieces of so many bytes, each an exact copy. */
static void decode(struct trail_slice stream, size_t piece, struct decoded *to) {
  struct trail_gunzip *gunzip;
  CHECK(trail_gunzip_create(&gunzip) == TRAIL_OK);
  trail_buffer_init(&to->body, LIMIT);
  to->status = TRAIL_OK;
  while (stream.size && to->status == TRAIL_OK) {
    struct trail_slice part = {stream.bytes, stream.size < piece ? stream.size : piece};
    char *copy = fuzz_copy(part);
    to->status = trail_gunzip_write(gunzip, copy, part.size, &to->body);
    free(copy);
    stream = trail_slice_from(stream, part.size);
  }
  CHECK(to->body.size <= LIMIT);
  to->complete = to->status == TRAIL_OK && trail_gunzip_is_complete(gunzip);
  trail_gunzip_destroy(gunzip);
}

/* However the bytes arrive, they mean the same. */
static void check_pieces(struct trail_slice stream, const struct decoded *whole) {
  static const size_t pieces[] = {1, 7, 1000};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    struct decoded other;
    if (stream.size / pieces[i] > 4096) continue;
    decode(stream, pieces[i], &other);
    CHECK(other.status == whole->status && other.complete == whole->complete);
    if (whole->status == TRAIL_OK)
      CHECK(trail_slice_same(trail_buffer_slice(&other.body), trail_buffer_slice(&whole->body)));
    trail_buffer_clear(&other.body);
  }
}

/* No beginning of a stream passes for the whole. */
static void check_cut(struct trail_slice stream) {
  for (size_t size = 1; size < stream.size; size += stream.size / 16 + 1) {
    struct decoded cut;
    decode(trail_slice_of(stream.bytes, size), size, &cut);
    CHECK(!cut.complete);
    trail_buffer_clear(&cut.body);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trail_slice text = trail_slice_of((const char *)data, size), stream;
  char how = size ? text.bytes[0] : '\0';
  if (size) text = trail_slice_from(text, 1);
  bool compressed = how == 'z' || how == 'd';
  stream = compressed ? compress_text(text) : text;
  if (how == 'd' && text.size > 1)
    ((char *)stream.bytes)[(unsigned char)text.bytes[0] % stream.size] ^= text.bytes[1];
  struct decoded whole;
  decode(stream, stream.size, &whole);
  CHECK(whole.status != TRAIL_NO_MEMORY);
  check_pieces(stream, &whole);
  if (how == 'z') {
    CHECK(whole.complete && trail_slice_same(trail_buffer_slice(&whole.body), text));
    check_cut(stream);
  }
  trail_buffer_clear(&whole.body);
  if (compressed) free((char *)stream.bytes);
  return 0;
}
