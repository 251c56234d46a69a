/* The JSON codec: a private lua-cjson between a strict scan of the text and a walk over the values.
 *
 * Decoding: policy/json_text says whether the text is JSON and what in it cjson would get wrong;
 * only then is cjson called, and only where the scan found something is the text marked before or
 * the result walked after. Encoding: a walk finds what cannot be sent, with its path, before cjson
 * sees it; a copy of the value is made only when it holds what cjson cannot say; policy/json_order
 * puts the members of cjson's text in order. The caller's tables are never changed and their
 * metamethods never run. All working memory belongs to the Lua state, so an error thrown anywhere
 * leaks nothing.
 */
#ifndef TRAIL_BINDING_JSON_H
#define TRAIL_BINDING_JSON_H

#include <lua.h>

#define TRAIL_JSON_DECODE_MAX ((size_t)512 << 20) /* bytes of text; cjson counts in ints */
#define TRAIL_JSON_ENCODE_MAX ((size_t)64 << 20)

/* Adds `json_codec` to the table on top of the stack, for lua/trailmark/json.lua:
 *
 *     json_codec{ decode=, encode=,        the private cjson's
 *                 trim=,                   function() that makes it give back its buffer
 *                 renew=,                  function() that makes another instance
 *                 array_mt=, empty_array_mt=, empty_array=,
 *                 digits=,                 a double's, when it encodes
 *                 decodes_integers=, encodes_integers=, says_arrays=, calls_metamethods= }
 *     -> decode, encode, array, is_array
 */
void trail_json_register(lua_State *L);

#endif
