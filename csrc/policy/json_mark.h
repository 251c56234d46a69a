/* What cjson cannot say, said in strings that travel through it.
 *
 * lua-cjson 2.1 has no way to tell [] from {}, holds integers as doubles, and prints 14 digits.
 * Where a text or a value has such a thing, it goes through cjson as a string in its place:
 *
 *     ~[]      an empty array
 *     ~123     a number, exactly as JSON writes it
 *     ~~text   the string "~text"
 *
 * As every other string that begins with the mark has it doubled, no text of a server's and no
 * value of a caller's can pass for one of these. Only values are marked, never names.
 */
#ifndef TRAIL_POLICY_JSON_MARK_H
#define TRAIL_POLICY_JSON_MARK_H

#include "policy/json_text.h"

/* An upper bound of what marking makes of a text of that size and facts. */
size_t trail_json_mark_bound(size_t size, const struct trail_json_text_facts *facts);

/* Rewrites a scanned text for cjson.decode, which then gives the strings above. Returns the size.
 */
size_t trail_json_mark_apply(struct trail_slice text, char *out);

/* Turns cjson.encode's text of a value that has such strings into what they stand for. `out` has
 * room for as much as the text, which never grows. Returns the size. */
size_t trail_json_mark_undo(struct trail_slice text, char *out);

#endif
