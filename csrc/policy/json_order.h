/* JSON text with the members of each object in the order of their names.
 *
 * A Lua table has no order, and cjson writes its members in one that differs from process to
 * process. A service that tells a repetition under an idempotency key from a misuse of the key by
 * the request's bytes would refuse the same table sent by a script that was started again. So what
 * is sent depends on the value alone.
 *
 * The text is as cjson.encode writes it: JSON without whitespace, TRAIL_JSON_TEXT_DEPTH levels deep
 * at most. Names are compared as they are written, byte by byte.
 */
#ifndef TRAIL_POLICY_JSON_ORDER_H
#define TRAIL_POLICY_JSON_ORDER_H

#include "policy/json_text.h"

struct trail_json_order_member {
  struct trail_slice name; /* between its quotes */
  struct trail_slice text; /* name and value */
};

/* How many members the text has, over all of its objects. */
size_t trail_json_order_count(struct trail_slice text);

/* Orders the text in place. `members` has room for their count, `scratch` for the text's size. */
void trail_json_order_apply(char *text, size_t size, struct trail_json_order_member *members,
                            char *scratch);

#endif
