/* What the fuzzers share. Each is a file <name>_fuzz.c, or <name>_fuzz.lua behind lua.c, and
 * asserts what its subject promises: not crashing is the least of it.
 *
 * An input is a text that a person can write: its seeds lie in seeds/<name>. `make fuzz` runs
 * them under libFuzzer; linked with replay.c instead, a fuzzer runs the files it is given, so
 * that the same properties hold, and count for the coverage, with any compiler.
 */
#ifndef TRAIL_FUZZ_H
#define TRAIL_FUZZ_H

#include <stdint.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process where a promise is broken, and says which. */
#define CHECK(holds) ((holds) ? (void)0 : fuzz_fail(#holds, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *promise, const char *file, int line);

/* A copy of exactly these bytes, so that one byte too far is found out; with free() it goes. */
char *fuzz_copy(struct trail_slice bytes);
/* The same with a NUL behind it. */
char *fuzz_text(struct trail_slice bytes);

/* Takes the first line off, without its '\n'; the rest may be empty. */
struct trail_slice fuzz_line(struct trail_slice *rest);

/* `part` lies within `whole`; one of no bytes lies anywhere. */
bool fuzz_within(struct trail_slice part, struct trail_slice whole);

#endif
