/* What a server of HTTP/2 has said, read from all of its bytes at once, by the book (RFC 9113):
 * what the transfer, which gets them piece by piece through libcurl, is held against. */
#ifndef TRAIL_FUZZ_HTTP2_REFERENCE_H
#define TRAIL_FUZZ_HTTP2_REFERENCE_H

#include "http2_frames.h"

enum { HTTP2_STREAMS = 8 };

struct http2_answer {
  uint32_t stream;
  bool whole;  /* headers and body came to the stream's end */
  bool filled; /* they are all there, whether or not the stream's end was said */
  bool zipped;
  bool refused; /* unprocessed: its request may be sent again */
  int status;
  long long length; /* -1: not said */
  bool headed, ended;
  bool broken; /* by what may not come in a stream */
  bool reset;  /* by the server ... */
  bool late;   /* ... behind what may have ended the connection */
  struct trail_buffer body;
};

struct http2_reference {
  struct http2_answer answers[HTTP2_STREAMS];
  int count;
  bool plain;     /* nothing in it is unusual: refusing a whole answer would be wrong */
  bool goes_away; /* which may refuse any stream */
};

/* `bodiless`: the requests are HEAD; `opened`: the last stream that the client has opened. */
void http2_reference_read(struct http2_reference *is, struct trail_slice bytes, bool bodiless,
                          uint32_t opened);
void http2_reference_clear(struct http2_reference *is);
/* NULL: nothing was said on that stream. */
const struct http2_answer *http2_reference_on(const struct http2_reference *is, uint32_t stream);

#endif
