#include "policy/method.h"

static const struct {
  const char *name;
  bool safe;
  bool idempotent;
  bool body;
} methods[] = {
#define TRAIL_METHOD_ROW(name, safe, idempotent, body) {#name, safe, idempotent, body},
    TRAIL_METHOD_LIST(TRAIL_METHOD_ROW)
#undef TRAIL_METHOD_ROW
};

bool trail_method_from_name(struct trail_slice name, enum trail_method *method) {
  for (int i = 0; i < TRAIL_METHOD_COUNT; i++) {
    if (trail_slice_same_nocase(name, trail_slice_text(methods[i].name))) {
      *method = (enum trail_method)i;
      return true;
    }
  }
  return false;
}

const char *trail_method_name(enum trail_method method) { return methods[method].name; }

bool trail_method_is_safe(enum trail_method method) { return methods[method].safe; }

bool trail_method_is_idempotent(enum trail_method method) { return methods[method].idempotent; }

bool trail_method_has_body(enum trail_method method) { return methods[method].body; }
