/* The two clocks, read here and nowhere else.
 *
 * Boot time measures waits and deadlines: it never steps and it counts a suspended machine's sleep.
 * Wall time is for what people and servers call the time; nothing is ever timed by it.
 */
#ifndef TRAIL_BASE_CLOCK_H
#define TRAIL_BASE_CLOCK_H

#include <stdint.h>

#define TRAIL_NEVER INT64_MAX /* a boot time that does not come */

int64_t trail_clock_boot_us(void);
int64_t trail_clock_wall_ms(void); /* Unix time */

int64_t trail_clock_microseconds(double seconds); /* as callers give them */

#endif
