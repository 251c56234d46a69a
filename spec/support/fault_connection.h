/* A connection that carries out its plan, in a thread of its own. */
#ifndef FAULT_CONNECTION_H
#define FAULT_CONNECTION_H

#include "fault_plan.h"

struct fault_connection;

struct fault_connection_origin {
  int listener; /* which a plan may shut */
  unsigned number;
  const struct fault_plan *plan; /* borrowed until `end` */
};

/* Takes the descriptor. */
struct fault_connection *fault_connection_start(int fd,
                                                const struct fault_connection_origin *origin);
/* Ends it from the client's view, wherever it is in its plan. */
void fault_connection_interrupt(struct fault_connection *connection);
void fault_connection_end(struct fault_connection *connection);

#endif
