/* Signals kept waiting while this thread works, and let in while it sleeps.
 *
 * A signal that came between the last look for one and the sleep would be noticed when the sleep
 * ends: after a minute, maybe. Held back, it ends the sleep at once, for whoever sleeps passes
 * `trail_signals_asleep` to the kernel. Signals of the program's own faults are never held.
 */
#ifndef TRAIL_BASE_SIGNALS_H
#define TRAIL_BASE_SIGNALS_H

#include <signal.h>

void trail_signals_hold(void);
void trail_signals_release(void);

/* The mask to sleep with: the one from before `hold`; NULL where none are held. */
const sigset_t *trail_signals_asleep(void);

#endif
