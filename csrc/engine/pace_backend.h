/* The places a pacing state can be in, behind engine/pace_store. A further one (a state reached
 * over a network, for many machines) is a file like pace_heap.c and a line in pace_store.c.
 *
 * A budget's name is a digest in hexadecimal of what must agree for a state to be shared: the
 * layout, the boot and the time namespace (times are boot times), the origin, and the scope or key.
 */
#ifndef TRAIL_ENGINE_PACE_BACKEND_H
#define TRAIL_ENGINE_PACE_BACKEND_H

#include "engine/pace_store.h"

#define TRAIL_PACE_NAME_SIZE 65 /* with its NUL */

/* What every place begins with. */
struct trail_pace_place {
  const struct trail_pace_backend *backend;
  struct trail_pace *pace;
};

struct trail_pace_backend {
  bool shared;
  /* Makes `name` another name of the state, or joins the two; may exchange `pace`. */
  void (*alias)(struct trail_pace_place *place, const char *name);
  void (*close)(struct trail_pace_place *place);
};

/* NULL, with the reason, where it cannot be shared; NULL without one when memory is short. */
struct trail_pace_place *trail_pace_backend_open_file(const char *folder, const char *name,
                                                      const char **why);
/* Of this process: shared by its clients of that name, or with an empty name by nobody. */
struct trail_pace_place *trail_pace_backend_open_heap(const char *name);

#endif
