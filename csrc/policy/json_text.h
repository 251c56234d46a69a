/* JSON text, read strictly (RFC 8259): one pass that says whether a text is JSON and what lua-cjson
 * would get wrong about it.
 *
 * cjson alone takes NaN, hexadecimal numbers, control bytes and malformed UTF-8, and turns every
 * number into a double. So it is shown only what passed here: the whole grammar, valid UTF-8, no
 * unpaired surrogate escape, at most TRAIL_JSON_TEXT_DEPTH levels, and one value with nothing after
 * it. The scan builds nothing and recurses no deeper than that bound. A byte order mark in front is
 * skipped, as section 8.1 allows.
 */
#ifndef TRAIL_POLICY_JSON_TEXT_H
#define TRAIL_POLICY_JSON_TEXT_H

#include "base/slice.h"

#define TRAIL_JSON_TEXT_DEPTH 128 /* arrays and objects around a value */

/* A string that begins with this byte has a meaning of its own in marked text (json_mark.h). */
#define TRAIL_JSON_TEXT_MARK '~'

struct trail_json_text_facts {
  size_t start; /* of the value: past a byte order mark */
  size_t empty_arrays;
  size_t big_integers;   /* beyond 2^53 either way: a double may not hold them */
  size_t marked_strings; /* values, not names, that begin with the mark */
  bool integers;         /* some number without a fraction or an exponent, the big ones aside */
  bool fractions;        /* some number with one */
  bool huge;             /* one of them may be beyond the range of a double; huge_at is the first */
  size_t huge_at;
};

struct trail_json_text_error {
  size_t at; /* offset of the byte that does not fit; the text's size where more was expected */
  const char *expected; /* what should have been there */
};

/* Fills facts where the text is JSON, error where it is not. */
bool trail_json_text_scan(struct trail_slice text, struct trail_json_text_facts *facts,
                          struct trail_json_text_error *error);

/* How many of the first bytes are UTF-8 (RFC 3629: no overlong form, no surrogate, none above
 * U+10FFFF); a sequence that the end cuts off does not count. All of them: the bytes are UTF-8. */
size_t trail_json_text_utf8(struct trail_slice bytes);

/* Where the string that opens at `at` ends, past its closing quote; where the number that begins
 * there ends; where the next byte that is not whitespace is, the end counting as one. For text that
 * was scanned. */
size_t trail_json_text_string_end(struct trail_slice text, size_t at);
size_t trail_json_text_number_end(struct trail_slice text, size_t at);
size_t trail_json_text_space_end(struct trail_slice text, size_t at);

/* Whether a string's text between its quotes stands for a value that begins with the mark, escaped
 * or not. */
bool trail_json_text_is_marked(struct trail_slice content);

#endif
