local checks = require "trailmark.checks"

local row = { label = "option", rule = "right" }

local function with(fields)
  return setmetatable(fields, { __index = row })
end

--- The check's answer as one word: "ok", "wrong" (the caller's mistake) or "bytes".
local function verdict(check, value, its_row)
  local accepted, problem, of_bytes = check(value, its_row or row, {})
  if problem then
    assert.is_nil(accepted)
    assert.equal("option", problem:match("^%a+"))
    return of_bytes and "bytes" or "wrong"
  end
  return "ok"
end

local function names_of(value)
  return type(value) == "string" and ("%q"):format(value:sub(1, 30)) or tostring(value)
end

local function run(check, rows, its_row)
  for _, case in ipairs(rows) do
    it(("finds %s %s"):format(names_of(case[1]), case[2]), function()
      assert.equal(case[2], verdict(check, case[1], case[3] or its_row))
    end)
  end
end

local NAN, INFINITE = 0 / 0, math.huge

describe("checks.quoted", function()
  local names = { "time_out", "X-Request-Id", "_x", "http2", "x123", ("n"):rep(40) }
  local hidden = { "tm_live_canary", "TM_LIVE_canary", "x1234", "a b", "1x", "", "x\n",
    ("n"):rep(41) }

  it("shows a name", function()
    for _, name in ipairs(names) do assert.equal('"' .. name .. '"', checks.quoted(name)) end
  end)

  it("hides what might be a key", function()
    for _, name in ipairs(hidden) do
      assert.equal(("a string of %d bytes"):format(#name), checks.quoted(name))
    end
  end)
end)

describe("checks.seconds", function()
  run(checks.seconds, {
    { 1, "ok" }, { 0.001, "ok" }, { 3600, "ok" },
    { 0, "wrong" }, { -1, "wrong" }, { NAN, "wrong" }, { INFINITE, "wrong" },
    { -INFINITE, "wrong" },
    { 3600.5, "wrong" }, { 30000, "wrong" }, { 1700000000, "wrong" }, { "10", "wrong" },
  })

  it("tells who passes milliseconds or a date that times are in seconds", function()
    for _, value in ipairs { 30000, 1700000000, INFINITE } do
      local _, problem = checks.seconds(value, row)
      assert.truthy(problem:find("milliseconds or a date?", 1, true), problem)
    end
    local _, problem = checks.seconds(-1, row)
    assert.falsy(problem:find("milliseconds", 1, true))
  end)

  it("shows the number, and of anything else only the type", function()
    local rows = {
      { NAN, "NaN" }, { -1, "%-1" }, { "12345", "a string of 5 bytes" }, { true, "true" },
      { {}, "a table" }, { print, "a function" },
    }
    for _, case in ipairs(rows) do
      local _, problem = checks.seconds(case[1], row)
      assert.truthy(problem:find("got " .. case[2] .. "$"), problem)
    end
  end)
end)

describe("checks.integer", function()
  run(checks.integer, {
    { 1, "ok" }, { 20, "ok" }, { 7.0, "ok" },
    { 0, "wrong" }, { 21, "wrong" }, { 1.5, "wrong" }, { NAN, "wrong" }, { INFINITE, "wrong" },
    { "7", "wrong" },
  }, with { from = 1, to = 20 })

  it("makes an integer of an integral float where Lua has integers", function()
    local accepted = checks.integer(7.0, with { from = 1, to = 20 })
    assert.equal("7", tostring(accepted))
  end)
end)

describe("checks.share", function()
  run(checks.share, {
    { 0, "ok" }, { 0.25, "ok" }, { 1, "ok" },
    { -0.1, "wrong" }, { 1.1, "wrong" }, { NAN, "wrong" }, { "0.5", "wrong" },
  })
end)

describe("checks.typed", function()
  run(checks.typed, {
    { "x", "ok" }, { print, "ok" }, { 1, "wrong" }, { {}, "wrong" }, { false, "wrong" },
  }, with { types = { string = true, ["function"] = true } })
end)

describe("checks.word", function()
  local words = with { words = { "low", "normal", "high" },
    known = { low = true, normal = true, high = true }, rule = "one of three" }
  local or_function = setmetatable({ other = "function" }, { __index = words })

  run(checks.word, {
    { "low", "ok" }, { "LOW", "wrong" }, { "", "wrong" }, { 1, "wrong" }, { NAN, "wrong" },
    { print, "wrong" }, { print, "ok", or_function }, { {}, "wrong", or_function },
  }, words)

  it("suggests the nearest word", function()
    local _, problem = checks.word("hgih", words)
    assert.equal('option must be one of three, got "hgih" (did you mean "high"?)', problem)
  end)

  it("shows a short strange word and hides what might be a key", function()
    local _, problem = checks.word("urgent", words)
    assert.truthy(problem:find('got "urgent"', 1, true))
    for _, value in ipairs { "tm_live_high", "qwertyuiopasdf", "a b", "x1" } do
      _, problem = checks.word(value, words)
      assert.falsy(problem:find(value, 1, true), problem)
    end
  end)
end)

describe("checks.group", function()
  local group = with { read = function(value) return value.inner end }
  run(checks.group, { { { inner = 1 }, "ok" }, { "x", "wrong" }, { 1, "wrong" } }, group)
end)

describe("checks.text", function()
  run(checks.text, {
    { "x", "ok" }, { "a\tb", "ok" }, { "caf\195\169", "ok" }, { ("x"):rep(4096), "ok" },
    { "", "bytes" }, { ("x"):rep(4097), "bytes" }, { "a\nb", "bytes" }, { "a\rb", "bytes" },
    { "a\0b", "bytes" }, { "a\27b", "bytes" }, { "a\127b", "bytes" },
    { 1, "wrong" }, { false, "wrong" },
    { "x", "bytes", with { shape = function() return "odd" end } },
    { "a b", "ok", with { unwanted = checks.NOT_ASCII } },
    { "caf\195\169", "bytes", with { unwanted = checks.NOT_ASCII } },
    { "a b", "bytes", with { unwanted = checks.NOT_VISIBLE } },
    { false, "ok", with { may_be_false = true } },
    { true, "wrong", with { may_be_false = true } },
  })

  it("says how long it is and how long it may be", function()
    for _, length in ipairs { 0, 9 } do
      local _, problem = checks.text(("x"):rep(length), with { rule = "right, or false", longest = 8 })
      assert.equal(("option must be right, or false: it has %d bytes, not 1 to 8"):format(length), problem)
    end
  end)

  it("refuses every control byte and says where it is", function()
    for byte = 0, 127 do
      if (byte < 32 and byte ~= 9) or byte == 127 then
        local _, problem = checks.text("ab" .. string.char(byte), row)
        assert.equal(("option must be right: byte 3 is \\x%02X"):format(byte), problem)
      end
    end
  end)
end)

describe("shapes", function()
  local function shape(check, good, bad)
    for _, value in ipairs(good) do
      it("accept " .. value, function() assert.is_nil(check(value)) end)
    end
    for _, value in ipairs(bad) do
      it("object to " .. value, function()
        local objection = check(value)
        assert.equal("string", type(objection))
        assert.falsy(objection:find(value, 1, true))
      end)
    end
  end

  describe("of a base URL", function()
    shape(checks.base_url_shape, {
      "https://api.trailmark.com/v1", "https://h", "HTTPS://h/", "http://127.0.0.1:8080/v1",
      "http://[::1]:80/v1",
    }, {
      "api.trailmark.com", "ftp://h", "https:/h", "https://", "https:///v1", "https://:80/",
      "https://user@h/", "https://user:pass@h/", "https://h/?a=1", "https://h?x", "https://h/#f",
      "https://h/a b", "https://h\\@evil/", "//h", "https//h",
    })
  end)

  describe("of a proxy", function()
    shape(checks.proxy_shape, {
      "env", "http://proxy:3128", "https://user:secret@proxy", "socks5h://127.0.0.1:1080/",
      "http://[::1]", "http://[::1]:65535", "HTTP://u:p:q@proxy:1", "http://proxy/:x",
    }, {
      "proxy:3128", "ENV", "ftp://proxy", "http://", "http:///x", "http://a b", "http://:3128",
      "http://user@", "http://user@:1", "http://a:0", "http://a:65536", "http://a:99999", "http://a:",
      "http://a:x", "http://a:1:2", "http://a:-1", "http://a:1.5", "http://[::1]:65536",
      "http://[::1]1", "http://u:1@a:0", "http://a:" .. ("9"):rep(400),
    })

    it("say what is wrong", function()
      assert.equal("it names no host", checks.proxy_shape("http://"))
      assert.equal("its port is not a number from 1 to 65535", checks.proxy_shape("http://h:99999"))
    end)
  end)

  describe("of pinned keys", function()
    local pin = "sha256//" .. ("A"):rep(43) .. "="
    shape(checks.pins_shape, { pin, pin .. ";" .. pin }, {
      "sha256//short=", "sha1//" .. ("A"):rep(43) .. "=", pin .. ";", ";" .. pin, "/etc/pin.pem",
      "sha256//" .. ("A"):rep(42) .. "-=",
    })
  end)
end)

describe("a value of a strange type", function()
  local strangers = { true, print, coroutine.create(function() end), io.stdout }
  for _, name in ipairs { "seconds", "integer", "share", "word", "text", "group", "typed" } do
    it("is the caller's mistake for " .. name, function()
      local its_row = with { from = 1, to = 2, words = {}, known = {}, types = {} }
      for _, value in ipairs(strangers) do
        assert.equal("wrong", verdict(checks[name], value, its_row))
      end
    end)
  end
end)
