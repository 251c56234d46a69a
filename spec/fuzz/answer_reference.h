/* An answer of HTTP/1.1 read from all of its bytes at once, by the book (RFC 9112): what the
 * transfer, which gets them piece by piece through libcurl, is held against. */
#ifndef TRAIL_FUZZ_ANSWER_REFERENCE_H
#define TRAIL_FUZZ_ANSWER_REFERENCE_H

#include <stdbool.h>

#include "base/slice.h"

struct reference {
  bool whole;       /* complete, and nothing in it is ambiguous */
  bool plain;       /* and nothing in it is unusual: refusing it would be wrong */
  bool until_close; /* its end is the connection's */
  bool gzip;        /* its body tells its end all the same */
  /* libcurl 7.88 passes over a NUL behind a line of the head, and over what it has read with it, so
   * that it tells another answer. */
  bool lost;
  int status;
  char *body; /* decoded; released with free() */
  size_t size;
};

/* `bodiless`: it answers HEAD. `most` bounds the body. */
struct reference reference_read(struct trail_slice bytes, bool bodiless, size_t most);

#endif
