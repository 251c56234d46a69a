local printable = require "trailmark.printable"

describe("printable.text", function()
  local rows = {
    { "leaves plain text", "no such contact", "no such contact" },
    { "keeps UTF-8", "caf\195\169 \226\130\172 \240\159\152\128",
      "caf\195\169 \226\130\172 \240\159\152\128" },
    { "escapes a new line", "a\r\nb", "a\\x0D\\x0Ab" },
    { "escapes NUL, escape and DEL", "\0\27[2J\127", "\\x00\\x1B[2J\\x7F" },
    { "escapes the C1 controls", "a\194\155b", "a\\xC2\\x9Bb" },
    { "keeps what follows the C1 controls", "\194\160", "\194\160" },
    { "escapes a lone continuation", "\128", "\\x80" },
    { "escapes an overlong form", "\192\175", "\\xC0\\xAF" },
    { "escapes a surrogate", "\237\160\128", "\\xED\\xA0\\x80" },
    { "escapes what is beyond Unicode", "\244\144\128\128", "\\xF4\\x90\\x80\\x80" },
    { "escapes a sequence cut short", "a\226\130", "a\\xE2\\x82" },
    { "escapes a sequence broken off", "\226\130x", "\\xE2\\x82x" },
    { "escapes marks that turn a line around", "\226\128\174\226\129\166",
      "\\xE2\\x80\\xAE\\xE2\\x81\\xA6" },
    { "escapes a line separator", "\226\128\168", "\\xE2\\x80\\xA8" },
    { "keeps a dash and quotes", "\226\128\147\226\128\156", "\226\128\147\226\128\156" },
  }
  for _, row in ipairs(rows) do
    it(row[1], function() assert.equal(row[3], printable.text(row[2], 100)) end)
  end

  it("lets no byte of any value through but printable ones", function()
    for byte = 0, 255 do
      local shown = printable.text(string.char(byte), 100)
      local printing = byte >= 32 and byte < 127
      assert.equal(printing and string.char(byte) or ("\\x%02X"):format(byte), shown)
    end
  end)

  it("cuts at the limit, marked, and never inside a character", function()
    assert.equal("abc", printable.text("abc", 3))
    assert.equal("abc...", printable.text("abcd", 3))
    assert.equal("ab...", printable.text("ab\226\130\172", 4))
    assert.equal("ab...", printable.text("ab\0", 5))
    assert.equal(203, #printable.text(("x"):rep(1000000), 200))
  end)

  it("hides what has the shape of a key", function()
    local rows_of_keys = {
      { "bad key tm_live_abc-DEF_9.", "bad key tm_live_[hidden]." },
      { "got Bearer abc.def-123/+~==", "got Bearer [hidden]" },
      { "bearer  xyz!", "bearer  [hidden]!" },
      { 'it begins with "tm_live_"', 'it begins with "tm_live_"' },
    }
    for _, row in ipairs(rows_of_keys) do
      assert.equal(row[2], printable.text(row[1], 100))
    end
  end)

  it("hides a key that the limit would cut", function()
    local text = ("x"):rep(90) .. "tm_live_" .. ("k"):rep(5000)
    assert.equal(("x"):rep(90) .. "tm_live_[h...", printable.text(text, 100))
  end)
end)

describe("printable.raised", function()
  local function says(text) return setmetatable({}, { __tostring = function() return text end }) end

  local rows = {
    { "a string", "no luck", "no luck" }, { "nil", nil, "nil" }, { "a number", 42, "42" },
    { "an object that says it", says "mine", "mine" },
    { "an object that says nothing", says(nil), "a table without a text" },
    { "an object that fails to", setmetatable({}, { __tostring = error }), "a table without a text" },
  }
  for _, row in ipairs(rows) do
    it("shows " .. row[1], function() assert.equal(row[3], printable.raised(row[2])) end)
  end
end)

describe("printable.clock", function()
  local rows = {
    { 0, "00:00:00Z" }, { 1700017927, "03:12:07Z" }, { 1700017927.9, "03:12:07Z" },
    { 4102444799, "23:59:59Z" }, { 253402300799, "23:59:59Z" },
    { -1, nil }, { 253402300800, nil }, { 0 / 0, nil }, { math.huge, nil }, { "0", nil },
    { nil, nil },
  }
  for _, row in ipairs(rows) do
    it(("shows %s as %s"):format(tostring(row[1]), tostring(row[2])), function()
      assert.equal(row[2], printable.clock(row[1]))
    end)
  end
end)

describe("printable.seconds", function()
  local rows = {
    { 0, "0.000 s" }, { 0.0042, "0.004 s" }, { 0.25, "0.25 s" }, { 2.314, "2.31 s" },
    { 21.4, "21.4 s" }, { 90, "90.0 s" }, { 3600, "3600.0 s" },
  }
  for _, row in ipairs(rows) do
    it("shows " .. row[2], function() assert.equal(row[2], printable.seconds(row[1])) end)
  end
end)

describe("printable.age", function()
  local rows = {
    { 0, "0 s" }, { 0.2, "1 s" }, { 53, "53 s" }, { 119, "119 s" }, { 120, "2 min" },
    { 601, "11 min" }, { 7200, "2 h" }, { 172800, "2 d" }, { 7776000, "90 d" },
    { -1, nil }, { 0 / 0, nil }, { math.huge, nil }, { "5", nil }, { nil, nil },
  }
  for _, row in ipairs(rows) do
    it(("shows %s as %s"):format(tostring(row[1]), tostring(row[2])), function()
      assert.equal(row[2], printable.age(row[1]))
    end)
  end
end)
