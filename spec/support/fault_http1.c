#include "fault_http1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_log.h"
#include "fault_request.h"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                             "13\r\n\r\n{\"fine\":true}";

static void parse_line(struct fault_request *request, const char *line, const char *end) {
  const char *colon = memchr(line, ':', (size_t)(end - line));
  if (!colon) return;
  const char *value = colon + 1;
  while (value < end && *value == ' ') value++;
  fault_request_note(request, line, (size_t)(colon - line), value, (size_t)(end - value));
}

static void parse(struct fault_request *request, const char *head, const char *end) {
  memset(request, 0, sizeof *request);
  const char *line_end = memmem(head, (size_t)(end - head), "\r\n", 2);
  if (!line_end) return;
  const char *space = memchr(head, ' ', (size_t)(line_end - head));
  const char *second = space ? memchr(space + 1, ' ', (size_t)(line_end - space - 1)) : NULL;
  if (second) {
    fault_request_note(request, ":method", 7, head, (size_t)(space - head));
    fault_request_note(request, ":path", 5, space + 1, (size_t)(second - space - 1));
  }
  for (const char *line = line_end + 2; line < end; line = line_end + 2) {
    line_end = memmem(line, (size_t)(end - line), "\r\n", 2);
    if (!line_end) return;
    parse_line(request, line, line_end);
  }
}

static bool take_body(struct fault_wire *wire, size_t left) {
  for (;;) {
    size_t here = wire->in_size < left ? wire->in_size : left;
    fault_wire_take(wire, here);
    left -= here;
    if (left == 0) return true;
    if (!fault_wire_fill(wire)) return false;
  }
}

bool fault_http1_read(struct fault_wire *wire, unsigned connection) {
  const char *end;
  while (!(end = memmem(wire->in, wire->in_size, "\r\n\r\n", 4))) {
    if (fault_wire_fill(wire)) continue;
    if (wire->in_size) fault_log_add("partial %u %zu\n", connection, wire->in_size);
    wire->in_size = 0;
    return false;
  }
  struct fault_request request;
  size_t head_size = (size_t)(end - wire->in) + 4;
  parse(&request, wire->in, end + 2);
  fault_wire_take(wire, head_size);
  if (!take_body(wire, request.body_size)) {
    fault_log_add("partial %u %zu\n", connection, head_size);
    return false;
  }
  fault_request_log(&request, connection);
  return true;
}

bool fault_http1_read_part(struct fault_wire *wire, unsigned connection, size_t size) {
  bool more = true;
  while (wire->in_size < size && (more = fault_wire_fill(wire))) continue;
  if (wire->in_size && size) fault_log_add("partial %u %zu\n", connection, wire->in_size);
  wire->in_size = 0;
  return more;
}

bool fault_http1_answer(struct fault_wire *wire) {
  return fault_wire_write(wire, answer, sizeof answer - 1);
}

/* Somewhere in the request, of which a first read brings all, or in the answer. */
static bool die(struct fault_wire *wire, unsigned connection, unsigned *seed) {
  size_t request_size = wire->in_size;
  size_t at = (size_t)rand_r(seed) % (request_size + sizeof answer);
  if (at < request_size) {
    fault_http1_read_part(wire, connection, at);
  } else if (fault_http1_read(wire, connection)) {
    fault_wire_write(wire, answer, at - request_size);
  }
  if (rand_r(seed) % 2)
    fault_wire_reset(wire);
  else
    fault_wire_close(wire);
  return false;
}

void fault_http1_serve_badly(struct fault_wire *wire, unsigned connection, long percent,
                             unsigned seed) {
  bool alive = true;
  seed += connection * 7919u;
  (void)rand_r(&seed);
  while (alive && (wire->in_size || fault_wire_fill(wire))) {
    if (rand_r(&seed) % 100 < percent)
      alive = die(wire, connection, &seed);
    else
      alive = fault_http1_read(wire, connection) && fault_http1_answer(wire);
  }
}
