#include "fault_http2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_request.h"

enum { STREAMS = 256 };

struct stream {
  struct stream *next;
  int32_t id;
  struct fault_request request;
  const char *body; /* of the answer, what is left of it */
  size_t body_size;
  bool end;
};

struct fault_http2 {
  nghttp2_session *session;
  struct fault_wire *wire;
  unsigned connection;
  struct stream *complete[STREAMS]; /* requests that came and were not yet read */
  size_t complete_count;
  struct stream *current;
  struct stream *first; /* all there are: libnghttp2 does not tell of those that its end cuts off */
};

/* ---- what libnghttp2 tells ------------------------------------------------------------------- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
  struct fault_http2 *http2 = context;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  struct stream *stream = calloc(1, sizeof *stream);
  if (!stream) return NGHTTP2_ERR_CALLBACK_FAILURE;
  stream->id = frame->hd.stream_id;
  stream->next = http2->first;
  http2->first = stream;
  return nghttp2_session_set_stream_user_data(session, stream->id, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context) {
  struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  (void)flags, (void)context;
  if (stream)
    fault_request_note(&stream->request, (const char *)name, name_size, (const char *)value,
                       value_size);
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
  struct fault_http2 *http2 = context;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  bool ends = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!ends || !stream || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  if (http2->complete_count == STREAMS) return NGHTTP2_ERR_CALLBACK_FAILURE;
  fault_request_log(&stream->request, http2->connection);
  http2->complete[http2->complete_count++] = stream;
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *context) {
  struct fault_http2 *http2 = context;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
  size_t kept = 0;
  (void)code;
  for (size_t i = 0; i < http2->complete_count; i++)
    if (http2->complete[i] != stream) http2->complete[kept++] = http2->complete[i];
  http2->complete_count = kept;
  if (http2->current == stream) http2->current = NULL;
  for (struct stream **at = &http2->first; *at; at = &(*at)->next) {
    if (*at != stream) continue;
    *at = stream->next;
    free(stream);
    return 0;
  }
  return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool open_session(struct fault_http2 *http2) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_option *option;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return false;
  if (nghttp2_option_new(&option) != 0) {
    nghttp2_session_callbacks_del(callbacks);
    return false;
  }
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  int failed = nghttp2_session_server_new2(&http2->session, callbacks, http2, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return failed == 0;
}

struct fault_http2 *fault_http2_create(struct fault_wire *wire, unsigned connection) {
  struct fault_http2 *http2 = calloc(1, sizeof *http2);
  nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100};
  if (!http2) return NULL;
  http2->wire = wire;
  http2->connection = connection;
  if (open_session(http2) &&
      nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, &settings, 1) == 0 &&
      fault_http2_flush(http2))
    return http2;
  fault_http2_destroy(http2);
  return NULL;
}

void fault_http2_destroy(struct fault_http2 *http2) {
  if (!http2) return;
  nghttp2_session_del(http2->session);
  for (struct stream *stream = http2->first, *next; stream; stream = next) {
    next = stream->next;
    free(stream);
  }
  free(http2);
}

/* ---- in and out ------------------------------------------------------------------------------ */

bool fault_http2_flush(struct fault_http2 *http2) {
  const uint8_t *bytes;
  for (;;) {
    ssize_t size = nghttp2_session_mem_send(http2->session, &bytes);
    if (size <= 0) return size == 0;
    if (!fault_wire_write(http2->wire, bytes, (size_t)size)) return false;
  }
}

static bool take_in(struct fault_http2 *http2) {
  struct fault_wire *wire = http2->wire;
  if (!wire->in_size && !fault_wire_fill(wire)) return false;
  ssize_t used = nghttp2_session_mem_recv(http2->session, (const uint8_t *)wire->in, wire->in_size);
  if (used < 0) return false;
  fault_wire_take(wire, (size_t)used);
  return fault_http2_flush(http2);
}

bool fault_http2_read(struct fault_http2 *http2) {
  while (!http2->complete_count)
    if (!take_in(http2)) return false;
  http2->current = http2->complete[0];
  http2->complete_count--;
  memmove(http2->complete, http2->complete + 1, http2->complete_count * sizeof *http2->complete);
  return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *context) {
  struct stream *stream = source->ptr;
  size_t size = stream->body_size < room ? stream->body_size : room;
  (void)session, (void)id, (void)context;
  if (!size && !stream->end) return NGHTTP2_ERR_DEFERRED;
  if (size) memcpy(to, stream->body, size);
  stream->body += size;
  stream->body_size -= size;
  if (!stream->body_size && stream->end) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)size;
}

static nghttp2_nv field(const char *name, const char *value) {
  return (nghttp2_nv){.name = (uint8_t *)name,
                      .value = (uint8_t *)value,
                      .namelen = strlen(name),
                      .valuelen = strlen(value),
                      .flags = NGHTTP2_NV_FLAG_NONE};
}

bool fault_http2_answer(struct fault_http2 *http2, const struct fault_http2_answer *answer) {
  struct stream *stream = http2->current;
  char length[24];
  if (!stream) return false;
  snprintf(length, sizeof length, "%ld", answer->content_length);
  nghttp2_nv fields[3] = {field(":status", answer->status),
                          field("content-type", "application/json"),
                          field("content-length", length)};
  stream->body = answer->body;
  stream->body_size = answer->body_size;
  stream->end = answer->end;
  nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = give_body};
  size_t count = answer->content_length < 0 ? 2 : 3;
  return nghttp2_submit_response(http2->session, stream->id, fields, count, &provider) == 0 &&
         fault_http2_flush(http2);
}

bool fault_http2_reset(struct fault_http2 *http2, uint32_t code) {
  return http2->current &&
         nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE, http2->current->id, code) ==
             0 &&
         fault_http2_flush(http2);
}

bool fault_http2_go_away(struct fault_http2 *http2, int32_t last_stream, uint32_t code) {
  return nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE, last_stream, code, NULL, 0) ==
             0 &&
         fault_http2_flush(http2);
}

bool fault_http2_ping(struct fault_http2 *http2) {
  return nghttp2_submit_ping(http2->session, NGHTTP2_FLAG_NONE, NULL) == 0 &&
         fault_http2_flush(http2);
}
