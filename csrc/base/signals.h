/* Signals kept waiting while a thread works, and let in while it sleeps.
 *
 * A signal that came between the last look for one and the sleep would be noticed when the sleep
 * ends: after a minute, maybe. Held back, it ends the sleep at once, if whoever sleeps passes
 * `before` to the kernel. Signals of the program's own faults are never held.
 * No thread-local storage here: the leak checker misreads that of loaded modules.
 */
#ifndef TRAIL_BASE_SIGNALS_H
#define TRAIL_BASE_SIGNALS_H

#include <signal.h>

void trail_signals_hold(sigset_t *before);
void trail_signals_release(const sigset_t *before);

#endif
