#include "base/status.h"

static const char *const names[] = {
#define TRAIL_STATUS_NAME(name, text) text,
    TRAIL_STATUS_LIST(TRAIL_STATUS_NAME)
#undef TRAIL_STATUS_NAME
};

const char *trail_status_name(enum trail_status status) {
  return (unsigned)status < TRAIL_STATUS_COUNT ? names[status] : "unknown";
}
