-- One key: the line it is sent in, and what may be told of it.

local keyring = require("trailmark_testing").keyring

local LIVE = "tm_live_0123456789abcdef"
local key

before_each(function() key = keyring.key() end)
after_each(function() key:clear() end)

local function adopted(text)
  assert.equal("ok", key:adopt(text, "option key"))
  return key:look()
end

describe("a key", function()
  it("is there when it was given", function()
    assert.is_nil(key:look())
    assert.equal("Authorization: Bearer " .. LIVE, adopted(LIVE).line)
    key:clear()
    assert.is_nil(key:look())
  end)

  it("is sent without the white space around it", function()
    assert.equal(LIVE, adopted("\r\n\t " .. LIVE .. " \v\f\n").key)
  end)

  -- given, last four shown, begins as API keys do
  local rows = {
    { "tm_live_", "", true }, { "tm_live_1234567", "", true }, { "tm_live_12345678", "5678", true },
    { ("k"):rep(15), "", false }, { ("k"):rep(15) .. "z", "kkkz", false }, { "x", "", false },
    { "TM_LIVE_12345678", "5678", false }, { "tm_live", "", false },
    { ("k"):rep(8188) .. "last", "last", false },
  }
  for _, row in ipairs(rows) do
    it(("of %d bytes, %s, shows its end only where that is little of it"):format(#row[1],
      row[1]:sub(1, 20)), function()
      local seen = adopted(row[1])
      assert.equal(row[1], seen.key)
      assert.equal(row[2], seen.last4)
      assert.equal(row[3], seen.prefixed)
    end)
  end

  it("given again, in other white space too, stays the line it is", function()
    adopted(LIVE)
    local line = key:identity()
    adopted(" " .. LIVE .. "\n")
    assert.equal(line, key:identity())
    adopted(LIVE .. "x")
    assert.not_equal(line, key:identity())
  end)

  it("tells nothing of the one before it", function()
    adopted(LIVE)
    local seen = adopted "short"
    assert.equal("", seen.last4)
    assert.is_false(seen.prefixed)
  end)
end)

describe("what is no key", function()
  local rows = {
    { "nothing", "", "is empty" }, { "white space", " \r\n\t", "is empty" },
    { "two words", "secret one", "holds whitespace" }, { "two lines", "secret\none", "holds whitespace" },
    { "a NUL", "secret\0one", "control byte" }, { "a DEL", "secret\127one", "control byte" },
    { "an escape", "\27secret", "control byte" }, { "UTF-8", "secret\195\164", "not ASCII" },
    { "8193 bytes", "secret" .. ("k"):rep(8187), "longer than 8192 bytes" },
  }
  for _, row in ipairs(rows) do
    it("changes nothing: " .. row[1], function()
      adopted(LIVE)
      local status, fault = key:adopt(row[2], "key_file", "/some/path")
      assert.equal("config", status)
      assert.matches("^key_file /some/path ", fault)
      assert.matches(row[3], fault, 1, true)
      assert.is_nil(fault:find("secret", 1, true))
      assert.equal(LIVE, key:look().key)
    end)
  end

  it("is complained of by its source alone where that has no name", function()
    local _, fault = key:adopt("", "the key returned by function key")
    assert.equal("the key returned by function key is empty", fault)
  end)

  it("is complained of in bounds however long a name is", function()
    local _, fault = key:adopt("", "key_file", ("p"):rep(5000))
    assert.is_true(#fault < 512)
    assert.matches("is empty$", fault)
  end)
end)
