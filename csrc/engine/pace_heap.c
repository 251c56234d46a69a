/* Pacing states of this process.
 *
 * A client that wants a budget of its own has it in its own memory. Where sharing was wanted and
 * cannot be had, clients of one name share at least within the process, and the state outlives
 * them: a client made for every request would otherwise know nothing, every time. Those states are
 * few and static, and taken without a lock, so that a fork at any moment leaves the child a table
 * that works.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "engine/pace_backend.h"

enum { SLOTS = 16 };
enum { SLOT_FREE, SLOT_TAKEN, SLOT_NAMED };

struct heap_place {
  struct trail_pace_place place;
  char room[2 * sizeof(struct trail_pace)]; /* as much as alignment may cost */
};

static struct {
  struct trail_pace pace;
  atomic_int state;
  char name[TRAIL_PACE_NAME_SIZE];
} slots[SLOTS];

/* Two threads that come at the very same moment may find two slots: they spend apart, no more. */
static struct trail_pace *find_slot(const char *name) {
  for (int i = 0; i < SLOTS; i++) {
    int state = SLOT_FREE;
    if (atomic_compare_exchange_strong(&slots[i].state, &state, SLOT_TAKEN)) {
      memcpy(slots[i].name, name, TRAIL_PACE_NAME_SIZE);
      atomic_store(&slots[i].state, SLOT_NAMED);
      return &slots[i].pace;
    }
    if (state == SLOT_NAMED && strcmp(slots[i].name, name) == 0) return &slots[i].pace;
  }
  return NULL;
}

static void close_heap(struct trail_pace_place *place) { trail_memory_free(place); }

static const struct trail_pace_backend heap = {.close = close_heap};

struct trail_pace_place *trail_pace_backend_open_heap(const char *name) {
  struct heap_place *self = trail_memory_zalloc(1, sizeof *self);
  if (!self) return NULL;
  self->place.backend = &heap;
  self->place.pace = *name ? find_slot(name) : NULL;
  if (!self->place.pace) {
    uintptr_t line = sizeof(struct trail_pace);
    self->place.pace = (struct trail_pace *)(((uintptr_t)self->room + line - 1) / line * line);
  }
  return &self->place;
}
