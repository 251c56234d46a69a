local json_text = require("trailmark_testing").json_text

local function nested(depth, open, close)
  return open:rep(depth) .. close:rep(depth)
end

describe("json_text.scan takes", function()
  local rows = { -- name, text
    { "null", "null" },
    { "true", "true" },
    { "false", "false" },
    { "zero", "0" },
    { "a negative zero", "-0" },
    { "an integer", "1234567890" },
    { "a negative integer", "-1" },
    { "a fraction", "0.5" },
    { "a negative fraction", "-12.0625" },
    { "a fraction of zeros", "0.000" },
    { "an exponent", "1e5" },
    { "a capital exponent", "1E5" },
    { "a signed exponent", "1e+5" },
    { "a negative exponent", "1e-5" },
    { "leading zeros in an exponent", "1e005" },
    { "a fraction and an exponent", "-1.25e-2" },
    { "a zero with an exponent", "0e1" },
    { "an integer of 400 digits", ("9"):rep(400) },
    { "an exponent beyond any double, for the walk to judge", "1e999999999999999999999" },
    { "an empty string", '""' },
    { "a string", '"abc"' },
    { "a string of eight bytes", '"abcdefgh"' },
    { "a string of nine bytes", '"abcdefghi"' },
    { "each simple escape", [["\"\\\/\b\f\n\r\t"]] },
    { "an escape as the eighth byte", [["abcdefg\n"]] },
    { "an escaped NUL", [["\u0000"]] },
    { "hexadecimal digits of both cases", [["\u00e9\u00E9\uabCD"]] },
    { "a pair of surrogates", [["\ud83d\ude00"]] },
    { "the last pair of surrogates", [["\uDBFF\uDFFF"]] },
    { "escapes around the surrogates", [["\ud7ff\ue000\uffff"]] },
    { "two bytes of UTF-8", '"\195\169"' },
    { "three bytes of UTF-8", '"\226\130\172"' },
    { "four bytes of UTF-8", '"\240\159\152\128"' },
    { "the last code point", '"\244\143\191\191"' },
    { "the code points around the surrogates", '"\237\159\191\238\128\128"' },
    { "DEL and the first byte that is no control", '"\127 "' },
    { "an empty array", "[]" },
    { "an empty object", "{}" },
    { "spaces inside an empty array", "[ \t\r\n]" },
    { "spaces inside an empty object", "{ \t\r\n}" },
    { "an array", "[1,true,null,\"x\",[],{}]" },
    { "an object", '{"a":1,"b":[2,{"c":3}]}' },
    { "an empty name", '{"":0}' },
    { "a name twice", '{"a":1,"a":2}' },
    { "an escaped name", [[{"\u0061\n":1}]] },
    { "whitespace wherever it may be", ' \t\r\n{ "a" : [ 1 , 2 ] , "b" : null } \n' },
    { "a byte order mark", "\239\187\191{}" },
    { "a byte order mark and a space", "\239\187\191 1" },
    { "a byte order mark inside a string", '"\239\187\191"' },
    { "128 arrays", nested(128, "[", "]") },
    { "128 objects", ('{"a":'):rep(128) .. "1" .. ("}"):rep(128) },
    { "128 levels time and again", "[" .. nested(127, "[", "]") .. "," .. nested(127, "[",
      "]") .. "]" },
    { "the guide's workspace",
      '{"id":"ws_3kf9","members_count":14,"created_at":"2025-11-02T18:01:12Z"}' },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local facts, at, expected = json_text.scan(row[2])
      assert.is_table(facts, tostring(at) .. ": " .. tostring(expected))
    end)
  end
end)

describe("json_text.scan refuses", function()
  local rows = { -- name, text, offset, what was expected
    { "nothing", "", 0, "a value" },
    { "an absent text", nil, 0, "a value" },
    { "whitespace alone", " \n", 2, "a value" },
    { "a byte order mark alone", "\239\187\191", 3, "a value" },
    { "half a byte order mark", "\239\187", 0, "a value" },
    { "a second byte order mark", "\239\187\191\239\187\191{}", 3, "a value" },
    { "UTF-16", "\255\254{\0}\0", 0, "a value" },
    { "two values", "1 2", 2, "nothing after" },
    { "a value and a bracket", "{}]", 2, "nothing after" },
    { "a NUL after the value", "{}\0", 2, "nothing after" },
    { "a NUL", "\0", 0, "a value" },
    { "a page", "<html>", 0, "a value" },
    { "half a word", "nul", 3, "null" },
    { "a word in capitals", "True", 0, "a value" },
    { "a wrong end of a word", "falsy", 4, "false" },
    { "more than a word", "trueish", 4, "nothing after" },
    { "NaN", "NaN", 0, "a value" },
    { "nan", "nan", 1, "null" },
    { "Infinity", "Infinity", 0, "a value" },
    { "-Infinity", "-Infinity", 1, "a digit" },
    { "a plus sign", "+1", 0, "a value" },
    { "a minus sign alone", "-", 1, "a digit" },
    { "two minus signs", "--1", 1, "a digit" },
    { "a hexadecimal number", "0x10", 1, "nothing after" },
    { "a leading zero", "01", 1, "no digit after a leading 0" },
    { "a leading zero after the sign", "-01", 2, "no digit after a leading 0" },
    { "two zeros", "00", 1, "no digit after a leading 0" },
    { "a leading zero in an array", "[1,02]", 4, "no digit after a leading 0" },
    { "a point first", ".5", 0, "a value" },
    { "a point last", "1.", 2, "a digit after the decimal point" },
    { "a point before the exponent", "1.e5", 2, "a digit after the decimal point" },
    { "two points", "1.2.3", 3, "nothing after" },
    { "an exponent without digits", "1e", 2, "a digit in the exponent" },
    { "a signed exponent without digits", "1e+", 3, "a digit in the exponent" },
    { "a fractional exponent", "1e2.5", 3, "nothing after" },
    { "a thousands separator", "1_000", 1, "nothing after" },
    { "an open string", '"', 1, "a closing quote" },
    { "an open string of eight bytes", '"abcdefgh', 9, "a closing quote" },
    { "single quotes", "'a'", 0, "a value" },
    { "a raw newline", '"a\nb"', 2, "an escape in place" },
    { "a raw tab as the eighth byte", '"abcdefg\t"', 8, "an escape in place" },
    { "a raw NUL in a string", '"\0"', 1, "an escape in place" },
    { "the last control byte", '"\31"', 1, "an escape in place" },
    { "a backslash at the end", '"\\', 2, "the rest of an escape" },
    { "an unknown escape", [["\x41"]], 2, "one of" },
    { "an escaped NUL byte", '"\\\0"', 2, "one of" },
    { "a capital U", [["\U0041"]], 2, "one of" },
    { "three digits", [["\u041"]], 1, "four hexadecimal digits" },
    { "a digit that is none", [["\u004g"]], 1, "four hexadecimal digits" },
    { "a signed escape", [["\u+041"]], 1, "four hexadecimal digits" },
    { "an escape that the end cuts off", [["\u004]], 1, "four hexadecimal digits" },
    { "a high surrogate alone", [["\ud83d"]], 7, "the low surrogate" },
    { "a high surrogate before text", [["\ud83dabcdef"]], 7, "the low surrogate" },
    { "a high surrogate before another escape", [["\ud83d\n"]], 7, "the low surrogate" },
    { "two high surrogates", [["\ud83d\ud83d"]], 7, "the low surrogate" },
    { "half a pair that the end cuts off", [["\ud83d\ude]], 7, "the low surrogate" },
    { "a low surrogate alone", [["\ude00"]], 1, "a high surrogate" },
    { "a surrogate in a name", [[{"\ud800":1}]], 8, "the low surrogate" },
    { "a continuation byte alone", '"\128"', 1, "valid UTF-8" },
    { "an overlong slash", '"\192\175"', 1, "valid UTF-8" },
    { "an overlong NUL in three bytes", '"\224\128\128"', 1, "valid UTF-8" },
    { "an overlong NUL in four bytes", '"\240\128\128\128"', 1, "valid UTF-8" },
    { "a surrogate in UTF-8", '"\237\160\128"', 1, "valid UTF-8" },
    { "a code point too high", '"\244\144\128\128"', 1, "valid UTF-8" },
    { "a lead byte too high", '"\245\128\128\128"', 1, "valid UTF-8" },
    { "Latin-1", '"caf\233"', 4, "valid UTF-8" },
    { "a sequence that the quote cuts off", '"\226\130"', 1, "valid UTF-8" },
    { "a sequence that the end cuts off", '"\240\159\152', 1, "valid UTF-8" },
    { "bad UTF-8 in a name", '{"\255":1}', 2, "valid UTF-8" },
    { "an open array", "[", 1, "a value" },
    { "an open array with an element", "[1", 2, "',' or ']'" },
    { "a comma last in an array", "[1,]", 3, "a value" },
    { "a comma first in an array", "[,1]", 1, "a value" },
    { "two commas", "[1,,2]", 3, "a value" },
    { "no comma", "[1 2]", 3, "',' or ']'" },
    { "an array closed as an object", "[1}", 2, "',' or ']'" },
    { "a bracket alone", "]", 0, "a value" },
    { "an open object", "{", 1, "a name in quotes" },
    { "a comma last in an object", '{"a":1,}', 7, "a name in quotes" },
    { "a comma first in an object", '{,"a":1}', 1, "a name in quotes" },
    { "a name without quotes", "{a:1}", 1, "a name in quotes" },
    { "a number as a name", "{1:1}", 1, "a name in quotes" },
    { "no colon", '{"a" 1}', 5, "':'" },
    { "an equals sign", '{"a"=1}', 4, "':'" },
    { "a name alone", '{"a"}', 4, "':'" },
    { "no value", '{"a":}', 5, "a value" },
    { "no comma between members", '{"a":1 "b":2}', 7, "',' or '}'" },
    { "an object closed as an array", '{"a":1]', 6, "',' or '}'" },
    { "an object that ends after a member", '{"a":1', 6, "',' or '}'" },
    { "a comment", "/**/1", 0, "a value" },
    { "a comment after a value", "1//", 1, "nothing after" },
    { "a vertical tab", "\v1", 0, "a value" },
    { "a no-break space", "\194\1601", 0, "a value" },
    { "129 arrays", nested(129, "[", "]"), 128, "at most 128 levels" },
    { "129 objects", ('{"a":'):rep(129) .. "1" .. ("}"):rep(129), 640, "at most 128 levels" },
    { "100,000 arrays", ("["):rep(100000), 128, "at most 128 levels" },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local facts, at, expected = json_text.scan(row[2])
      assert.is_nil(facts)
      assert.equal(row[3], at)
      assert.truthy(expected:find(row[4], 1, true), expected)
    end)
  end

  it("every beginning of a text", function()
    local text = [==[{"a":[1.5e+3,-0,true,"\ud83d\ude00\n]==] .. '\226\130\172"],"b":{}}'
    assert.is_table(json_text.scan(text))
    for size = 0, #text - 1 do
      local facts, at = json_text.scan(text:sub(1, size))
      assert.is_nil(facts)
      assert.is_true(at <= size)
    end
  end)

  it("a bad byte anywhere in a long string", function()
    for _, bad in ipairs { "\0", "\31", "\128", "\255", "\n" } do
      for place = 0, 40 do
        local text = '"' .. ("x"):rep(place) .. bad .. ("y"):rep(40 - place) .. '"'
        local facts, at = json_text.scan(text)
        assert.is_nil(facts)
        assert.equal(place + 1, at)
      end
    end
  end)
end)

describe("json_text.scan tells", function()
  local rows = { -- name, text, facts
    { "no number", '["1", "1.5"]', {} },
    { "integers", "[1, -2]", { integers = true } },
    { "fractions", "[1.0]", { fractions = true } },
    { "an exponent as a fraction", "[1e2]", { fractions = true } },
    { "both", "[1, 1.5]", { integers = true, fractions = true } },
    { "empty arrays", '[[], [ ], {"a":[\n]}, [0]]', { empty_arrays = 3, integers = true } },
    { "no empty array in a string", '["[]"]', {} },
    { "2^53", "9007199254740992", { integers = true } },
    { "-2^53", "-9007199254740992", { integers = true } },
    { "2^53 + 1", "9007199254740993", { big_integers = 1 } },
    { "-2^53 - 1", "-9007199254740993", { big_integers = 1 } },
    { "17 digits", "[10000000000000000, 1]", { big_integers = 1, integers = true } },
    { "2^53 + 1 as a fraction", "9007199254740993.0", { fractions = true } },
    { "no big integer in a string", '["9007199254740993"]', {} },
    { "marked strings", [==[["~", "~[]", "\u007ea", "\u007E"]]==], { marked_strings = 4 } },
    { "no mark later in a string", [==[["a~", " ~", "\\u007e", "\u0000~"]]==], {} },
    { "no marked names", [==[{"~":1,"\u007e":2}]==], { integers = true } },
    { "a byte order mark", "\239\187\191null", { start = 3 } },
    { "the largest exponent of one digit", "9e307", { fractions = true } },
    { "one that may be beyond", "[0, 1e308]",
      { integers = true, fractions = true, huge = true, huge_at = 4 } },
    { "the first of two", "[1e400, 1e500]", { fractions = true, huge = true, huge_at = 1 } },
    { "one with many digits and an exponent", ("1"):rep(300) .. "e9",
      { fractions = true, huge = true, huge_at = 0 } },
    { "many digits and a negative exponent", ("1"):rep(400) .. "e-100", { fractions = true } },
    { "an endless exponent", "1e" .. ("9"):rep(5000),
      { fractions = true, huge = true, huge_at = 0 } },
    { "an endless negative exponent", "1e-" .. ("9"):rep(5000), { fractions = true } },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local expected = { start = 0, empty_arrays = 0, big_integers = 0, marked_strings = 0,
        integers = false, fractions = false, huge = false }
      for name, value in pairs(row[3]) do expected[name] = value end
      assert.same(expected, json_text.scan(row[2]))
    end)
  end
end)

describe("json_text.utf8 counts", function()
  local rows = { -- name, bytes, how many
    { "nothing", "", 0 },
    { "nothing of what is absent", nil, 0 },
    { "ASCII", "abcdefghijk", 11 },
    { "control bytes", "\0\1\31\127", 4 },
    { "sequences of every size", "a\195\169\226\130\172\240\159\152\128z", 11 },
    { "up to a bad byte", "abc\255", 3 },
    { "up to a bad ninth byte", "abcdefgh\128", 8 },
    { "up to a sequence that ends early", "a\226\130", 1 },
    { "up to an overlong form", "\193\191", 0 },
    { "up to a surrogate", "ab\237\160\128", 2 },
    { "up to what is no code point", "\244\144\128\128", 0 },
  }
  for _, row in ipairs(rows) do
    it(row[1], function() assert.equal(row[3], json_text.utf8(row[2])) end)
  end

  it("as RFC 3629 does, for every first two bytes", function()
    for first = 128, 255 do
      for second = 0, 255 do
        local tail = first >= 240 and "\128\128" or first >= 224 and "\128" or ""
        local low = ({ [224] = 160, [240] = 144 })[first] or 128
        local high = ({ [237] = 159, [244] = 143 })[first] or 191
        local valid = first >= 194 and first <= 244 and second >= low and second <= high
        local bytes = string.char(first, second) .. tail
        assert.equal(valid and #bytes or 0, json_text.utf8(bytes))
      end
    end
  end)
end)
