#include "net/transfers.h"

#include <stddef.h>

#include "net/transfer.h"

void trail_transfers_append(struct trail_transfers *list, struct trail_transfer *transfer) {
  transfer->next = NULL;
  transfer->previous = list->last;
  *(list->last ? &list->last->next : &list->first) = transfer;
  list->last = transfer;
  list->count++;
}

void trail_transfers_prepend(struct trail_transfers *list, struct trail_transfer *transfer) {
  transfer->previous = NULL;
  transfer->next = list->first;
  *(list->first ? &list->first->previous : &list->last) = transfer;
  list->first = transfer;
  list->count++;
}

void trail_transfers_remove(struct trail_transfers *list, struct trail_transfer *transfer) {
  *(transfer->previous ? &transfer->previous->next : &list->first) = transfer->next;
  *(transfer->next ? &transfer->next->previous : &list->last) = transfer->previous;
  list->count--;
}

struct trail_transfer *trail_transfers_pop(struct trail_transfers *list) {
  struct trail_transfer *transfer = list->last;
  if (transfer) trail_transfers_remove(list, transfer);
  return transfer;
}
