/* Lists of transfers, linked through them: each transfer is in one at a time. */
#ifndef TRAIL_NET_TRANSFERS_H
#define TRAIL_NET_TRANSFERS_H

struct trail_transfer;

struct trail_transfers {
  struct trail_transfer *first, *last;
  unsigned count;
};

void trail_transfers_append(struct trail_transfers *list, struct trail_transfer *transfer);
void trail_transfers_prepend(struct trail_transfers *list, struct trail_transfer *transfer);
void trail_transfers_remove(struct trail_transfers *list, struct trail_transfer *transfer);
struct trail_transfer *trail_transfers_pop(struct trail_transfers *list); /* the last; or NULL */

#endif
