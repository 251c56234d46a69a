/* A client whose calls the worker drives, as its Lua thread sees it.
 *
 * The client itself belongs to the worker from its first call on, but for its settings, which nobody
 * changes. Here lies what the Lua thread may know of the rest: a view, made anew whenever a call of
 * its ends, the events that wait to be read, and the question for a key. The desks' lock guards it.
 */
#ifndef TRAIL_ENGINE_GUEST_H
#define TRAIL_ENGINE_GUEST_H

#include "engine/client.h"
#include "engine/errand.h"

struct trail_guest;

/* What may be told of a client's state, wherever that is kept. */
struct trail_client_view {
  struct trail_rate_view rate;
  bool budget_known; /* the server's word, in `budget`, shared by all who spend from it */
  struct trail_pacer_view budget;
  int64_t budget_us; /* when it was looked at */
  bool shared;
  uint32_t queued;
  enum trail_key_source key_source;
  const char *key_name; /* the client's; NULL: none */
  bool key_swapped;     /* it is the one given as fallback_key */
  bool key_prefixed;
  char key_last4[5];
  int64_t key_modified; /* Unix time of its file */
  int key_problem;      /* of the file's latest reading: key_file.h */
};

/* The client's present state: at first hand, or what the worker noted. */
void trail_guest_look(struct trail_client *client, int64_t now_us, struct trail_client_view *view);

/* ---- of the Lua thread ---- */

/* Before the client's first call goes to the worker. It ends with the client. */
TRAIL_MUST_USE enum trail_status trail_guest_create(struct trail_client *client);
/* The client's errands of one kind, of which one at a time can be under way. */
struct trail_errand *trail_guest_errand(struct trail_client *client, enum trail_errand_kind kind);

/* The oldest event, copied, and how many were lost before it; it stays until it was told. Without a
 * guest the client's own. */
bool trail_guest_first_event(struct trail_client *client, struct trail_event *event,
                             uint64_t *dropped);
void trail_guest_end_event(struct trail_client *client, uint64_t dropped);
enum trail_key_verdict trail_guest_take_question(struct trail_client *client);
void trail_guest_give_question_back(struct trail_client *client);
/* It was answered, or not, as `problem` tells (NULL: it was). */
void trail_guest_answer_question(struct trail_client *client, const char *problem);
/* Whether there is an event or a question that nobody has taken. */
bool trail_guest_has_news(struct trail_client *client);

/* Its calls that are not done; without a guest those of the engine. */
unsigned trail_guest_live(struct trail_client *client);
void trail_guest_count_up_locked(struct trail_client *client); /* with the desks' lock */
/* Who waits for the end of all of them; 0: nobody. */
void trail_guest_set_closer(struct trail_client *client, uint64_t waiter);
uint64_t trail_guest_closer(struct trail_client *client);

/* ---- of the worker ---- */

/* Makes the view anew and passes events on; true when there were any. */
bool trail_guest_note(struct trail_client *client, int64_t now_us);
void trail_guest_put_question(struct trail_client *client, enum trail_key_verdict question);
bool trail_guest_asks(struct trail_client *client); /* nobody has taken the question yet */
/* Why the latest answer was none; an empty text: it was one. */
struct trail_guest_problem {
  char text[256];
};
void trail_guest_read_problem(struct trail_client *client, struct trail_guest_problem *problem);
/* One less: whom to poke because it was the last, or 0. */
TRAIL_MUST_USE uint64_t trail_guest_count_down(struct trail_client *client);

#endif
