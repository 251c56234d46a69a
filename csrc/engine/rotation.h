/* One key takes another's place while calls run, and no caller sees a 401 for it.
 *
 * What to try next is the keyring's to say; here is decided who tries it. While a key is unproven,
 * one call is its trial and the others of its client send nothing; however the trial ends, they
 * look again.
 */
#ifndef TRAIL_ENGINE_ROTATION_H
#define TRAIL_ENGINE_ROTATION_H

#include "engine/life.h"

/* Must the call wait for a key before it may begin? It then does, or ends where none can come. */
bool trail_rotation_holds(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

/* An answer came that says something of the key it was asked with. */
void trail_rotation_learn(struct trail_engine *engine, struct trail_call *call);

/* The call was answered by a 401. True: it goes on with another key, or waits for one. */
bool trail_rotation_continues(struct trail_engine *engine, struct trail_call *call, int64_t now_us);

/* Whether the call waits for the function key before its first attempt. */
bool trail_rotation_asks_first(const struct trail_call *call);

/* Nobody needs the answer of a function any more. */
void trail_rotation_withdraw(struct trail_engine *engine, struct trail_client *client);

/* Those whose trial has ended look again how things stand. */
void trail_rotation_go_on(struct trail_engine *engine, int64_t now_us);

#endif
