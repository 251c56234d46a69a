/* The request target: a caller's path, its {name} templates and its query, as bytes for the wire.
 *
 * What a request line cannot hold, or what a server may read as another path than the caller wrote
 * (dot segments, backslashes, a fragment), is refused and never repaired. Values that come from
 * params or from query pairs are percent-encoded: everything but RFC 3986's unreserved bytes, a
 * space as %20. Visible ASCII that no rule names goes as written, braces too where no params are
 * given.
 *
 * All functions append to a buffer that may hold the base URL's path already and has a limit
 * (TRAIL_TARGET_MAX). After a failure the buffer's bytes are good for nothing.
 */
#ifndef TRAIL_POLICY_TARGET_H
#define TRAIL_POLICY_TARGET_H

#include "base/buffer.h"

#define TRAIL_TARGET_MAX 16384

/* The texts follow what was refused in a message: path "/a b" <text>. */
#define TRAIL_TARGET_LIST(X)                                                                      \
  X(OK, "can be sent")                                                                            \
  X(EMPTY, "is empty: it must begin with \"/\"")                                                  \
  X(NO_SLASH, "must begin with \"/\"")                                                            \
  X(CONTROL, "holds a control byte: percent-encode it or pass the value in params or query")      \
  X(SPACE, "holds a space: write %20 or pass the value in params or query")                       \
  X(FRAGMENT, "holds \"#\", which ends a URL: write %23 or pass the value in params or query")    \
  X(BACKSLASH, "holds a backslash, which some servers take for a slash: write / or %5C")          \
  X(NON_ASCII, "holds a byte above 0x7f: percent-encode it or pass the value in params or query") \
  X(BAD_ESCAPE, "holds \"%\" without two hexadecimal digits: write %25 for a percent sign")       \
  X(DOT_SEGMENT, "holds the segment \".\" or \"..\" (plain or as %2e), which servers resolve")    \
  X(BAD_TEMPLATE, "holds a brace that is no {name}: names are letters, digits, _ - and .; "       \
                  "write %7B and %7D for braces")                                                 \
  X(MISSING_PARAM, "is not given, but the path has it in braces: add it to params, or write %7B " \
                   "and %7D where braces are meant")                                              \
  X(UNUSED_PARAM, "is not in the path: write it there in braces, or leave it out of params")      \
  X(EMPTY_PARAM, "is empty, and the path would lose a segment: give it a value")                  \
  X(DOT_PARAM, "is \".\" or \"..\", which servers resolve to another path: give another value")   \
  X(NO_NAME, "has a pair without a name")                                                         \
  X(QUESTION_MARK, "begins with \"?\": leave it out, the client puts it")                         \
  X(TOO_LONG, "makes the request target longer than 16384 bytes")                                 \
  X(NO_MEMORY, "found no memory")

enum trail_target_reason {
#define TRAIL_TARGET_ENUM(name, text) TRAIL_TARGET_##name,
  TRAIL_TARGET_LIST(TRAIL_TARGET_ENUM)
#undef TRAIL_TARGET_ENUM
      TRAIL_TARGET_COUNT
};

struct trail_target_error {
  enum trail_target_reason reason;
  size_t offset;           /* of the offending byte, segment or brace in what the caller gave */
  struct trail_slice name; /* the parameter or pair it is about, else empty */
};

struct trail_target_param {
  struct trail_slice name;
  struct trail_slice value;
  bool used; /* written here */
};

struct trail_target_params {
  struct trail_target_param *list;
  size_t count;
};

/* Without params (NULL) braces are ordinary bytes. A "?" begins the query, to which pairs are
 * added. */
bool trail_target_add_path(struct trail_buffer *target, struct trail_slice path,
                           struct trail_target_params *params,
                           struct trail_target_error *error) TRAIL_MUST_USE;
bool trail_target_add_pair(struct trail_buffer *target, struct trail_slice name,
                           struct trail_slice value,
                           struct trail_target_error *error) TRAIL_MUST_USE;
/* One that is encoded already. */
bool trail_target_add_query(struct trail_buffer *target, struct trail_slice query,
                            struct trail_target_error *error) TRAIL_MUST_USE;

const char *trail_target_text(enum trail_target_reason reason);

#endif
