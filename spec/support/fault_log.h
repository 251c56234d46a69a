/* What the fault server saw, one line an event, in order, for the spec to count.
 *
 *     connection N                                  it was accepted
 *     request N METHOD TARGET KEY TEST BODY-SIZE    a whole request came; "-" is no such header
 *     partial N SIZE                                some bytes of one came
 */
#ifndef FAULT_LOG_H
#define FAULT_LOG_H

#include <stdio.h>

void fault_log_add(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fault_log_write(FILE *to);
void fault_log_clear(void);

#endif
