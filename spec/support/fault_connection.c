#include "fault_connection.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fault_http1.h"
#include "fault_http2.h"
#include "fault_log.h"

enum { LONG_MS = FAULT_WIRE_PATIENCE * 1000, STACK_SIZE = 256 * 1024 };

struct fault_connection {
  struct fault_wire wire;
  struct fault_http2 *http2; /* NULL: HTTP/1.1 */
  struct fault_connection_origin origin;
  pthread_t thread;
};

static const char served[] = "{\"fine\":true}";

/* ---- steps: each returns whether the plan goes on -------------------------------------------- */

static bool finish(struct fault_connection *connection) {
  bool plain = !connection->wire.ssl;
  size_t unread = fault_wire_finish(&connection->wire);
  if (unread && plain) fault_log_add("partial %u %zu\n", connection->origin.number, unread);
  return false;
}

static bool handshake(struct fault_connection *connection, const struct fault_step *step) {
  const struct fault_plan *plan = connection->origin.plan;
  bool last = step + 1 == plan->steps + plan->count;
  bool http2 = !last && step[1].verb == FAULT_HTTP2;
  return fault_wire_handshake(&connection->wire, step->bytes, step->numbers[0], http2);
}

static bool send_bytes(struct fault_connection *connection, const struct fault_step *step,
                       long times) {
  if (connection->http2 && !fault_http2_flush(connection->http2)) return false;
  while (times-- > 0)
    if (!fault_wire_write(&connection->wire, step->bytes, step->size)) return false;
  return true;
}

static bool drip(struct fault_wire *wire, const struct fault_step *step) {
  for (size_t i = 0; i < step->size; i++) {
    if (!fault_wire_write(wire, step->bytes + i, 1)) return false;
    fault_wire_pause(wire, step->numbers[0]);
  }
  return true;
}

static bool hold(struct fault_wire *wire) {
  do wire->in_size = 0;
  while (fault_wire_fill(wire));
  return false;
}

static bool read_request(struct fault_connection *connection) {
  if (connection->http2) return fault_http2_read(connection->http2);
  return fault_http1_read(&connection->wire, connection->origin.number);
}

static bool answer_well(struct fault_connection *connection) {
  struct fault_http2_answer answer = {"200", sizeof served - 1, true, served, sizeof served - 1};
  if (connection->http2) return fault_http2_answer(connection->http2, &answer);
  return fault_http1_answer(&connection->wire);
}

static bool serve(struct fault_connection *connection) {
  while (read_request(connection) && answer_well(connection)) continue;
  return false;
}

static bool answer(struct fault_http2 *http2, const struct fault_step *step) {
  char status[8];
  snprintf(status, sizeof status, "%hd", (short)step->numbers[0]);
  struct fault_http2_answer given = {status, step->numbers[1], step->numbers[2] != 0, step->bytes,
                                     step->size};
  return fault_http2_answer(http2, &given);
}

static bool begin_http2(struct fault_connection *connection) {
  connection->http2 = fault_http2_create(&connection->wire, connection->origin.number);
  return connection->http2 != NULL;
}

static bool run_http2(struct fault_http2 *http2, const struct fault_step *step) {
  if (!http2) return false;
  if (step->verb == FAULT_ANSWER) return answer(http2, step);
  if (step->verb == FAULT_PING) return fault_http2_ping(http2);
  if (step->verb == FAULT_RESET_STREAM) return fault_http2_reset(http2, (uint32_t)step->numbers[0]);
  return fault_http2_go_away(http2, (int32_t)step->numbers[0], (uint32_t)step->numbers[1]);
}

static bool run_step(struct fault_connection *connection, const struct fault_step *step) {
  struct fault_wire *wire = &connection->wire;
  switch (step->verb) {
    case FAULT_HANDSHAKE:
      return handshake(connection, step);
    case FAULT_HTTP2:
      return begin_http2(connection);
    case FAULT_READ:
      return read_request(connection);
    case FAULT_READ_PART:
      return fault_http1_read_part(wire, connection->origin.number, (size_t)step->numbers[0]);
    case FAULT_AWAIT:
      return fault_wire_await(wire, LONG_MS);
    case FAULT_SEND:
      return send_bytes(connection, step, 1);
    case FAULT_SEND_BENEATH:
      return fault_wire_write_beneath(wire, step->bytes, step->size);
    case FAULT_REPEAT:
      return send_bytes(connection, step, step->numbers[0]);
    case FAULT_DRIP:
      return drip(wire, step);
    case FAULT_PAUSE:
      fault_wire_pause(wire, step->numbers[0]);
      return true;
    case FAULT_HOLD:
      return hold(wire);
    case FAULT_SERVE:
      return serve(connection);
    case FAULT_SERVE_BADLY:
      fault_http1_serve_badly(wire, connection->origin.number, step->numbers[0],
                              (unsigned)step->numbers[1]);
      return false;
    case FAULT_DEAF:
      return shutdown(connection->origin.listener, SHUT_RDWR) == 0;
    case FAULT_GOODBYE:
      fault_wire_say_goodbye(wire);
      return true;
    case FAULT_FINISH:
      return finish(connection);
    case FAULT_RESET:
      fault_wire_reset(wire);
      return false;
    default:
      return run_http2(connection->http2, step);
  }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void *run(void *context) {
  struct fault_connection *connection = context;
  const struct fault_plan *plan = connection->origin.plan;
  size_t done = 0;
  while (done < plan->count && run_step(connection, &plan->steps[done])) done++;
  if (done == plan->count) finish(connection);
  fault_http2_destroy(connection->http2);
  connection->http2 = NULL;
  fault_wire_close(&connection->wire);
  return NULL;
}

/* Thousands of them wait for their script's end, so they are given small stacks. */
static bool start_thread(struct fault_connection *connection) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  bool started = pthread_create(&connection->thread, &attributes, run, connection) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

struct fault_connection *fault_connection_start(int fd,
                                                const struct fault_connection_origin *origin) {
  struct fault_connection *connection = calloc(1, sizeof *connection);
  if (!connection) return NULL;
  fault_wire_open(&connection->wire, fd);
  connection->origin = *origin;
  fault_log_add("connection %u\n", origin->number);
  if (start_thread(connection)) return connection;
  fault_wire_close(&connection->wire);
  free(connection);
  return NULL;
}

void fault_connection_interrupt(struct fault_connection *connection) {
  fault_wire_interrupt(&connection->wire);
}

void fault_connection_end(struct fault_connection *connection) {
  fault_connection_interrupt(connection);
  pthread_join(connection->thread, NULL);
  free(connection);
}
