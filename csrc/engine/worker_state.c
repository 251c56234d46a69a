#include "engine/worker_state.h"

enum { LINGER_US = 60000000 };

struct trail_worker trail_worker = {
    .at_work = PTHREAD_MUTEX_INITIALIZER, .wake = -1, .linger_us = LINGER_US};
