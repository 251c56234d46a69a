#include "fault_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fault_log.h"

static void keep(char *to, size_t room, const char *value, size_t size) {
  if (size >= room) size = room - 1;
  memcpy(to, value, size);
  to[size] = '\0';
}

void fault_request_note(struct fault_request *request, const char *name, size_t name_size,
                        const char *value, size_t value_size) {
  char length[24] = "";
  struct {
    const char *name;
    char *to;
    size_t room;
  } wanted[] = {
      {":method", request->method, sizeof request->method},
      {":path", request->target, sizeof request->target},
      {"idempotency-key", request->key, sizeof request->key},
      {"x-test", request->test, sizeof request->test},
      {"content-length", length, sizeof length},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    if (strlen(wanted[i].name) == name_size && strncasecmp(wanted[i].name, name, name_size) == 0)
      keep(wanted[i].to, wanted[i].room, value, value_size);
  if (length[0]) request->body_size = strtoul(length, NULL, 10);
}

static const char *or_dash(const char *text) { return text[0] ? text : "-"; }

void fault_request_log(const struct fault_request *request, unsigned connection) {
  fault_log_add("request %u %s %s %s %s %zu\n", connection, or_dash(request->method),
                or_dash(request->target), or_dash(request->key), or_dash(request->test),
                request->body_size);
}
