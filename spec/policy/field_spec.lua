local field = require("trailmark_testing").field

local NOW = 1764547200 -- 2025-12-01 00:00:00
local MAX64 = "18446744073709551615"

local function each_byte(check)
  for code = 0, 255 do check(string.char(code), code) end
end

describe("field.trim", function()
  local rows = {
    { nil, "" },
    { "", "" },
    { " \t ", "" },
    { "a", "a" },
    { "\t a b \t", "a b" },
    { "\na\r", "\na\r" },
    { "\0 a", "\0 a" },
  }
  for _, row in ipairs(rows) do
    it(("leaves %q of %q"):format(row[2], tostring(row[1])), function()
      assert.equal(row[2], field.trim(row[1]))
    end)
  end
end)

describe("field names", function()
  it("hold the token bytes and no other, wherever they stand", function()
    local punctuation = "!#$%&'*+-.^_`|~"
    each_byte(function(byte, code)
      local expected = byte:find("^[0-9A-Za-z]$") ~= nil and code < 128
        or punctuation:find(byte, 1, true) ~= nil
      for _, name in ipairs { byte, "x" .. byte, byte .. "x", "x" .. byte .. "x" } do
        assert.equal(expected, field.is_token(name), ("byte %d"):format(code))
      end
      assert.equal(expected and 3 or 1, field.token_size("x" .. byte .. "x"))
    end)
  end)

  it("are not empty", function()
    assert.is_false(field.is_token "")
    assert.is_false(field.is_token(nil))
    assert.equal(0, field.token_size "")
    assert.equal(0, field.token_size " x")
  end)
end)

describe("field values", function()
  it("hold no control byte but a tab", function()
    each_byte(function(byte, code)
      local expected = code == 9 or (code >= 32 and code ~= 127)
      for _, value in ipairs { byte, "x" .. byte, byte .. "x" } do
        assert.equal(expected, field.is_value(value), ("byte %d"):format(code))
      end
    end)
  end)

  it("may be empty", function()
    assert.is_true(field.is_value "")
    assert.is_true(field.is_value(nil))
  end)
end)

describe("field.is_visible", function()
  it("passes visible ASCII alone", function()
    each_byte(function(byte, code)
      local expected = code > 32 and code < 127
      assert.equal(expected, field.is_visible("x" .. byte, 2), ("byte %d"):format(code))
    end)
  end)

  it("wants at least one byte and at most the given number", function()
    assert.is_false(field.is_visible("", 4))
    assert.is_false(field.is_visible(nil, 4))
    assert.is_true(field.is_visible("abcd", 4))
    assert.is_false(field.is_visible("abcde", 4))
  end)
end)

describe("field.uint", function()
  local rows = { -- name, input, max, expected
    { "zero", "0", "9", "0" },
    { "the largest", "9", "9", "9" },
    { "one more", "10", "9", nil },
    { "zero where no more is allowed", "0", "0", "0" },
    { "one where none is allowed", "1", "0", nil },
    { "leading zeros", "0000000000000000000000007", "9", "7" },
    { "the largest of 64 bits", MAX64, MAX64, MAX64 },
    { "one more than 64 bits hold", "18446744073709551616", MAX64, nil },
    { "ten times 64 bits", MAX64 .. "0", MAX64, nil },
    { "whitespace around", " \t42\t ", "99", "42" },
    { "absent", nil, "99", nil },
    { "empty", "", "99", nil },
    { "blank", "  ", "99", nil },
    { "a plus sign", "+5", "99", nil },
    { "a minus sign", "-5", "99", nil },
    { "a minus sign on zero", "-0", "99", nil },
    { "a fraction", "5.0", "99", nil },
    { "an exponent", "5e1", "99", nil },
    { "hexadecimal", "0x5", "99", nil },
    { "a unit", "5s", "99", nil },
    { "whitespace inside", "5 5", "99", nil },
    { "two values", "5, 5", "99", nil },
    { "two fields", "5,5", "99", nil },
    { "a line break", "5\n", "99", nil },
    { "a NUL", "5\0", "99", nil },
    { "a digit of another script", "\217\165", "99", nil },
  }
  for _, row in ipairs(rows) do
    it(("reads %s as %s"):format(row[1], tostring(row[4])), function()
      assert.equal(row[4], field.uint(row[2], row[3]))
    end)
  end

  it("agrees with a pattern on random bytes", function()
    math.randomseed(1)
    local alphabet = " \t0123456789+-.,x\0\r\n"
    local read = 0
    for _ = 1, 20000 do
      local bytes = {}
      for i = 1, math.random(0, 5) do
        local at = math.random(#alphabet)
        bytes[i] = alphabet:sub(at, at)
      end
      local input = table.concat(bytes)
      local digits = input:match "^[ \t]*([0-9]+)[ \t]*$"
      local expected = digits and tonumber(digits) <= 500 and ("%d"):format(tonumber(digits)) or nil
      assert.equal(expected, field.uint(input, "500"), ("%q"):format(input))
      read = read + (expected and 1 or 0)
    end
    assert.is_true(read > 1000)
  end)
end)

describe("field.content_length", function()
  local rows = {
    { "0", "0" },
    { " 42 ", "42" },
    { "9223372036854775807", "9223372036854775807" },
    { "9223372036854775808", nil },
    { "5, 5", nil },
    { "5,6", nil },
    { "-1", nil },
    { "5 bytes", nil },
    { "", nil },
  }
  for _, row in ipairs(rows) do
    it(("reads %q as %s"):format(row[1], tostring(row[2])), function()
      assert.equal(row[2], field.content_length(row[1]))
    end)
  end
end)

describe("field.age", function()
  local rows = {
    { "0", "0" },
    { "60", "60" },
    { " 60\t", "60" },
    { "4294967295", "4294967295" },
    { "4294967296", "4294967295" },
    { ("9"):rep(40), "4294967295" },
    { ("9"):rep(40) .. "s", nil },
    { "-1", nil },
    { "1, 2", nil },
    { "", nil },
  }
  for _, row in ipairs(rows) do
    it(("reads %q as %s"):format(row[1], tostring(row[2])), function()
      assert.equal(row[2], field.age(row[1]))
    end)
  end
end)

describe("field.rate", function()
  it("reads the three fields", function()
    assert.same({ 600, 599, NOW }, { field.rate("600", " 599 ", ("%d"):format(NOW)) })
    assert.same({ 4294967295, 0, 0 }, { field.rate("4294967295", "0", "0") })
  end)

  it("reads none when one is not a number, too large or absent", function()
    local good = { "600", "599", "1764547200" }
    for place = 1, 3 do
      for _, bad in ipairs { "", "-1", "4294967296", "1.5", "600, 600", "600;w=60", "many" } do
        local given = { good[1], good[2], good[3] }
        given[place] = bad
        assert.is_nil((field.rate(given[1], given[2], given[3])), bad)
      end
      local given = { good[1], good[2], good[3] }
      given[place] = nil
      assert.is_nil((field.rate(given[1], given[2], given[3])))
    end
  end)
end)

describe("field.retry_after", function()
  local rows = { -- name, input, now, kind, value
    { "a delay", "120", NOW, "delay", 120 },
    { "no delay", "0", NOW, "delay", 0 },
    { "a delay with whitespace around", "\t5 ", NOW, "delay", 5 },
    { "the longest delay", "4294967295", NOW, "delay", 4294967295 },
    { "a date", "Mon, 01 Dec 2025 00:02:00 GMT", NOW, "date", NOW + 120 },
    { "a date with whitespace around", " Mon, 01 Dec 2025 00:02:00 GMT ", NOW, "date", NOW + 120 },
    { "a date gone by", "Sun, 06 Nov 1994 08:49:37 GMT", NOW, "date", 784111777 },
    { "an RFC 850 date", "Monday, 01-Dec-25 00:02:00 GMT", NOW, "date", NOW + 120 },
    { "an RFC 850 date, read later", "Monday, 01-Dec-25 00:02:00 GMT", NOW + 3e9, "date",
      NOW + 120 + 36524 * 86400 },
    { "an asctime date", "Mon Dec  1 00:02:00 2025", NOW, "date", NOW + 120 },
    { "nothing", nil, NOW, "absent" },
    { "an empty value", "", NOW, "absent" },
    { "a negative delay", "-1", NOW, "absent" },
    { "a fraction", "1.5", NOW, "absent" },
    { "a doubled delay", "1, 2", NOW, "absent" },
    { "a repeated delay", "5, 5", NOW, "absent" },
    { "a doubled date", "Mon, 01 Dec 2025 00:02:00 GMT, Mon, 01 Dec 2025 00:02:00 GMT", NOW,
      "absent" },
    { "a folded value", "1\r\n 2", NOW, "absent" },
    { "an overflow", "4294967296", NOW, "absent" },
    { "a long overflow", ("9"):rep(60), NOW, "absent" },
    { "a unit", "5x", NOW, "absent" },
    { "ISO 8601", "2099-01-01T00:00:00Z", NOW, "absent" },
    { "words", "soon", NOW, "absent" },
    { "a NUL", "5\0", NOW, "absent" },
  }
  for _, row in ipairs(rows) do
    it(("takes %s as %s"):format(row[1], row[4]), function()
      local kind, value = field.retry_after(row[2], row[3])
      assert.equal(row[4], kind)
      assert.equal(row[5], value)
    end)
  end

  local waits = { -- name, input, server's now, expected ms
    { "a delay", "120", NOW, 120000 },
    { "no delay", "0", NOW, 0 },
    { "the longest delay", "4294967295", NOW, 4294967295000 },
    { "a date ahead", "Mon, 01 Dec 2025 00:02:00 GMT", NOW, 120000 },
    { "a date, by a clock an hour behind", "Mon, 01 Dec 2025 00:02:00 GMT", NOW - 3600, 3720000 },
    { "this very second", "Mon, 01 Dec 2025 00:00:00 GMT", NOW, 0 },
    { "a date gone by", "Sun, 06 Nov 1994 08:49:37 GMT", NOW, 0 },
    { "garbage", "soon", NOW, -1 },
  }
  for _, row in ipairs(waits) do
    it(("makes a wait of %d ms from %s"):format(row[4], row[1]), function()
      assert.equal(row[4], field.retry_after_ms(row[2], row[3]))
    end)
  end
end)

describe("field.request_id", function()
  local rows = {
    { "req_8f2", "req_8f2" },
    { "  req_8f2\t", "req_8f2" },
    { ("x"):rep(128), ("x"):rep(128) },
    { ("x"):rep(129), nil },
    { "", nil },
    { "  ", nil },
    { "two words", nil },
    { "bell\7", nil },
    { "\27[31mred", nil },
    { "r\195\169q", nil },
  }
  for _, row in ipairs(rows) do
    it(("reads %q as %s"):format(row[1], tostring(row[2])), function()
      assert.equal(row[2], field.request_id(row[1]))
    end)
  end
end)

describe("field.is_json", function()
  local rows = {
    { "application/json", true },
    { "Application/JSON", true },
    { " application/json\t", true },
    { "application/json;charset=utf-8", true },
    { "application/json ; charset=utf-8", true },
    { "application/json; charset", true },
    { "application/problem+json", true },
    { "application/vnd.trailmark.v1+JSON;q=1", true },
    { "application/+json", false },
    { "application/json5", false },
    { "application/jsonp", false },
    { "application/json+xml", false },
    { "application/problem+jsonx", false },
    { "application/xjson", false },
    { "application/json text", false },
    { "application/json, application/json", false },
    { "application/json/json", false },
    { "application/", false },
    { "application", false },
    { "application /json", false },
    { "text/json", false },
    { "text/html", false },
    { "json", false },
    { "", false },
    { nil, false },
  }
  for _, row in pairs(rows) do
    it(("says %s of %q"):format(tostring(row[2]), tostring(row[1])), function()
      assert.equal(row[2], field.is_json(row[1]))
    end)
  end
end)
