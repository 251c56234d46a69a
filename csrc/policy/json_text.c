#include "policy/json_text.h"

#include "policy/json_number.h"

#include <stdint.h>

struct lexer {
  const char *start;
  const char *at; /* on failure: the byte that does not fit */
  const char *end;
  const char *expected;
  struct trail_json_text_facts *facts;
  int depth;
};

static bool fail(struct lexer *lexer, const char *at, const char *expected) {
  lexer->at = at;
  lexer->expected = expected;
  return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *skip_digits(const char *at, const char *end) {
  while (at < end && is_digit(*at)) at++;
  return at;
}

static const char *skip_space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
  return at;
}

/* -- Strings ----------------------------------------------------------------------------------- */

#define EVERY_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether none of eight bytes is a quote, a backslash, a control byte or above 0x7f: each
 * subtraction borrows into a byte's top bit exactly where the byte is (or is below) what it looks
 * for. */
static inline bool is_plain_word(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  uint64_t quote = (word ^ EVERY_BYTE('"')) - EVERY_BYTE(1);
  uint64_t backslash = (word ^ EVERY_BYTE('\\')) - EVERY_BYTE(1);
  uint64_t control = word - EVERY_BYTE(0x20);
  return ((word | quote | backslash | control) & EVERY_BYTE(0x80)) == 0;
}

static inline bool is_plain(char c) {
  return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

static inline const char *skip_plain(const char *at, const char *end) {
  while (end - at >= 8 && is_plain_word(at)) at += 8;
  while (at < end && is_plain(*at)) at++;
  return at;
}

static bool is_continuation(const char *at, unsigned low, unsigned high) {
  unsigned char c = (unsigned char)*at;
  return c >= low && c <= high;
}

/* Past the sequence that begins at `at` with a byte above 0x7f; NULL where it is not UTF-8. The
 * second byte's range is what rules out overlong forms, surrogates and what lies above U+10FFFF. */
static const char *skip_sequence(const char *at, const char *end) {
  unsigned char lead = (unsigned char)*at;
  int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (lead < 0xc2 || lead > 0xf4 || end - at <= more) return NULL;
  if (!is_continuation(at + 1, low, high)) return NULL;
  for (int i = 2; i <= more; i++) {
    if (!is_continuation(at + i, 0x80, 0xbf)) return NULL;
  }
  return at + more + 1;
}

size_t trail_json_text_utf8(struct trail_slice bytes) {
  if (bytes.size == 0) return 0;
  const char *at = bytes.bytes, *end = at + bytes.size;
  while (at < end) {
    uint64_t word;
    while (end - at >= 8 && (memcpy(&word, at, 8), (word & EVERY_BYTE(0x80)) == 0)) at += 8;
    while (at < end && (unsigned char)*at < 0x80) at++;
    if (at == end) break;
    const char *next = skip_sequence(at, end);
    if (!next) break;
    at = next;
  }
  return (size_t)(at - bytes.bytes);
}

static int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = trail_slice_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the \uXXXX at `at`; -1 where there is none. */
static int32_t code_unit(const char *at, const char *end) {
  int32_t unit = 0;
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
  for (int i = 2; i < 6; i++) {
    int digit = hex_digit(at[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

static bool is_high_surrogate(int32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }

static bool is_low_surrogate(int32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

static bool lex_unicode_escape(struct lexer *lexer, const char *at) {
  int32_t unit = code_unit(at, lexer->end);
  if (unit < 0) return fail(lexer, at, "four hexadecimal digits after \\u");
  if (is_low_surrogate(unit)) return fail(lexer, at, "a high surrogate before this low one");
  if (!is_high_surrogate(unit)) {
    lexer->at = at + 6;
    return true;
  }
  if (!is_low_surrogate(code_unit(at + 6, lexer->end))) {
    return fail(lexer, at + 6, "the low surrogate of a pair");
  }
  lexer->at = at + 12;
  return true;
}

static bool lex_escape(struct lexer *lexer, const char *at) {
  if (lexer->end - at < 2) return fail(lexer, lexer->end, "the rest of an escape");
  if (at[1] == 'u') return lex_unicode_escape(lexer, at);
  if (!memchr("\"\\/bfnrt", at[1], 8)) {
    return fail(lexer, at + 1, "one of \" \\ / b f n r t u after a backslash");
  }
  lexer->at = at + 2;
  return true;
}

/* From the byte after the opening quote. */
static bool lex_string(struct lexer *lexer) {
  for (;;) {
    const char *at = skip_plain(lexer->at, lexer->end);
    if (at == lexer->end) return fail(lexer, at, "a closing quote");
    if (*at == '"') {
      lexer->at = at + 1;
      return true;
    }
    if (*at == '\\') {
      if (!lex_escape(lexer, at)) return false;
    } else if ((unsigned char)*at < 0x20) {
      return fail(lexer, at, "an escape in place of a control byte");
    } else {
      lexer->at = skip_sequence(at, lexer->end);
      if (!lexer->at) return fail(lexer, at, "valid UTF-8");
    }
  }
}

bool trail_json_text_is_marked(struct trail_slice content) {
  if (content.size == 0) return false;
  if (content.bytes[0] == TRAIL_JSON_TEXT_MARK) return true;
  return code_unit(content.bytes, content.bytes + content.size) == TRAIL_JSON_TEXT_MARK;
}

static bool lex_string_value(struct lexer *lexer) {
  const char *first = ++lexer->at;
  if (!lex_string(lexer)) return false;
  if (*first == TRAIL_JSON_TEXT_MARK || *first == '\\') {
    struct trail_slice content = {first, (size_t)(lexer->at - first) - 1};
    lexer->facts->marked_strings += trail_json_text_is_marked(content);
  }
  return true;
}

/* -- Numbers ----------------------------------------------------------------------------------- */

/* The exponent's value, from its sign or first digit on; what is beyond any double's is as good as
 * 9999. */
static int exponent_value(const char *at, const char *end) {
  bool negative = *at == '-';
  int value = 0;
  for (at += negative || *at == '+'; at < end; at++) {
    if (value < 1000) value = value * 10 + (*at - '0');
  }
  return negative ? -value : value;
}

/* A double ends below 10^309. Only numbers that may reach that far are looked at again once
 * decoded, so leading zeros and the digits themselves need no care here. */
static void note_fraction(struct lexer *lexer, const char *number, ptrdiff_t whole_digits,
                          int exponent) {
  struct trail_json_text_facts *facts = lexer->facts;
  facts->fractions = true;
  if (facts->huge || whole_digits + exponent < 309) return;
  facts->huge = true;
  facts->huge_at = (size_t)(number - lexer->start);
}

static void note_integer(struct lexer *lexer, const char *number, const char *end) {
  if (trail_json_number_is_big(trail_slice_of(number, (size_t)(end - number)))) {
    lexer->facts->big_integers++;
  } else {
    lexer->facts->integers = true;
  }
}

static bool lex_number(struct lexer *lexer) {
  const char *number = lexer->at, *end = lexer->end;
  const char *whole = number + (*number == '-');
  if (whole == end || !is_digit(*whole)) return fail(lexer, whole, "a digit");
  const char *at = *whole == '0' ? whole + 1 : skip_digits(whole, end);
  if (*whole == '0' && at < end && is_digit(*at))
    return fail(lexer, at, "no digit after a leading 0");

  const char *whole_end = at;
  int exponent = 0;
  if (at < end && *at == '.') {
    const char *fraction = at + 1;
    at = skip_digits(fraction, end);
    if (at == fraction) return fail(lexer, at, "a digit after the decimal point");
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    const char *sign = at + 1;
    const char *digits = sign + (sign < end && (*sign == '+' || *sign == '-'));
    at = skip_digits(digits, end);
    if (at == digits) return fail(lexer, at, "a digit in the exponent");
    exponent = exponent_value(sign, at);
  }
  if (at == whole_end) {
    note_integer(lexer, number, at);
  } else {
    note_fraction(lexer, number, whole_end - whole, exponent);
  }
  lexer->at = at;
  return true;
}

/* -- Values ------------------------------------------------------------------------------------ */

static bool lex_value(struct lexer *lexer);

static bool lex_word(struct lexer *lexer, const char *word, size_t size) {
  for (size_t i = 0; i < size; i++) {
    const char *at = lexer->at + i;
    if (at == lexer->end || *at != word[i]) return fail(lexer, at, word);
  }
  lexer->at += size;
  return true;
}

/* Whether the next byte that is not whitespace is this one; then it is taken. */
static bool take(struct lexer *lexer, char c) {
  lexer->at = skip_space(lexer->at, lexer->end);
  if (lexer->at == lexer->end || *lexer->at != c) return false;
  lexer->at++;
  return true;
}

static bool enter(struct lexer *lexer) {
  if (lexer->depth == TRAIL_JSON_TEXT_DEPTH) {
    return fail(lexer, lexer->at, "at most 128 levels of arrays and objects");
  }
  lexer->depth++;
  lexer->at++;
  return true;
}

static bool lex_array(struct lexer *lexer) {
  if (!enter(lexer)) return false;
  if (take(lexer, ']')) {
    lexer->facts->empty_arrays++;
  } else {
    do {
      if (!lex_value(lexer)) return false;
    } while (take(lexer, ','));
    if (!take(lexer, ']')) return fail(lexer, lexer->at, "',' or ']'");
  }
  lexer->depth--;
  return true;
}

static bool lex_member(struct lexer *lexer) {
  if (!take(lexer, '"')) return fail(lexer, lexer->at, "a name in quotes");
  if (!lex_string(lexer)) return false;
  if (!take(lexer, ':')) return fail(lexer, lexer->at, "':'");
  return lex_value(lexer);
}

static bool lex_object(struct lexer *lexer) {
  if (!enter(lexer)) return false;
  if (!take(lexer, '}')) {
    do {
      if (!lex_member(lexer)) return false;
    } while (take(lexer, ','));
    if (!take(lexer, '}')) return fail(lexer, lexer->at, "',' or '}'");
  }
  lexer->depth--;
  return true;
}

static bool lex_value(struct lexer *lexer) {
  lexer->at = skip_space(lexer->at, lexer->end);
  if (lexer->at == lexer->end) return fail(lexer, lexer->at, "a value");
  switch (*lexer->at) {
    case '"':
      return lex_string_value(lexer);
    case '{':
      return lex_object(lexer);
    case '[':
      return lex_array(lexer);
    case 't':
      return lex_word(lexer, "true", 4);
    case 'f':
      return lex_word(lexer, "false", 5);
    case 'n':
      return lex_word(lexer, "null", 4);
    default:
      if (is_digit(*lexer->at) || *lexer->at == '-') return lex_number(lexer);
      return fail(lexer, lexer->at, "a value");
  }
}

static size_t byte_order_mark_size(struct trail_slice text) {
  return text.size >= 3 && memcmp(text.bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static bool lex_text(struct lexer *lexer) {
  if (!lex_value(lexer)) return false;
  lexer->at = skip_space(lexer->at, lexer->end);
  return lexer->at == lexer->end || fail(lexer, lexer->at, "nothing after the value");
}

bool trail_json_text_scan(struct trail_slice text, struct trail_json_text_facts *facts,
                          struct trail_json_text_error *error) {
  struct trail_json_text_facts found = {.start = byte_order_mark_size(text)};
  if (text.size == 0) text = trail_slice_text("");
  struct lexer lexer = {.start = text.bytes,
                        .at = text.bytes + found.start,
                        .end = text.bytes + text.size,
                        .facts = &found};
  if (lex_text(&lexer)) {
    *facts = found;
    return true;
  }
  *error = (struct trail_json_text_error){(size_t)(lexer.at - lexer.start), lexer.expected};
  return false;
}

/* -- Steps over scanned text ------------------------------------------------------------------- */

size_t trail_json_text_string_end(struct trail_slice text, size_t at) {
  for (at++; at < text.size && text.bytes[at] != '"'; at++) {
    if (text.bytes[at] == '\\') at++;
  }
  return at < text.size ? at + 1 : text.size;
}

static bool is_number_byte(char c) {
  return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

size_t trail_json_text_number_end(struct trail_slice text, size_t at) {
  while (at < text.size && is_number_byte(text.bytes[at])) at++;
  return at;
}

size_t trail_json_text_space_end(struct trail_slice text, size_t at) {
  return (size_t)(skip_space(text.bytes + at, text.bytes + text.size) - text.bytes);
}
