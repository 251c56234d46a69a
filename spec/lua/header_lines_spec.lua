local header_lines = require "trailmark.header_lines"
local process = require "spec.support.process"

local row = { label = "headers", rule = "a table of names and strings" }

local function refused(given)
  local lines, problem, of_bytes = header_lines(given, row)
  assert.is_nil(lines)
  return problem, of_bytes
end

describe("header_lines", function()
  it("makes lines by lower-case name and leaves the caller's table alone", function()
    local given = { ["X-Trace"] = "abc", accept = "text/csv", ["X-Note"] = "caf\195\169\tau lait" }
    assert.same({
      ["x-trace"] = "X-Trace: abc", accept = "accept: text/csv",
      ["x-note"] = "X-Note: caf\195\169\tau lait",
    }, (header_lines(given, row)))
    assert.same({ ["X-Trace"] = "abc", accept = "text/csv", ["X-Note"] = "caf\195\169\tau lait" },
      given)
  end)

  it("spells an empty value so that libcurl sends it", function()
    for _, value in ipairs { "", " ", "\t " } do
      assert.same({ ["x-e"] = "X-E;" }, (header_lines({ ["X-E"] = value }, row)))
    end
  end)

  it("goes by ASCII, whatever the locale takes for a letter", function()
    local folder = os.tmpname()
    os.remove(folder)
    finally(function() os.execute("rm -rf " .. folder) end)
    os.execute(("mkdir %s && localedef -i de_DE -f ISO-8859-1 %s/latin 2>/dev/null"):format(folder,
      folder))
    local said, _, complaint = process.lua([[
      if not os.setlocale("latin") or not ("\233"):find("%w") then print "no locale" os.exit(0) end
      local row = { label = "headers", rule = "a table of names and strings" }
      local lines = require "trailmark.header_lines" ({ ["X-\233"] = "v" }, row)
      print(lines, require "trailmark.paging.query".set("", "name", "\233"))
    ]], { LOCPATH = folder }):finish()
    if said == "no locale\n" then
      pending("there are no sources of locales here")
      return
    end
    assert.equal("", complaint)
    assert.equal("nil\tname=%E9\n", said)
  end)

  it("refuses every byte that is not a token's in a name", function()
    local token = "[%w!#$%%&'*+.^_`|~-]"
    for byte = 0, 255 do
      local name = "X" .. string.char(byte)
      if string.char(byte):find(token) and byte < 128 then
        assert.is_table((header_lines({ [name] = "v" }, row)))
      else
        local problem, of_bytes = refused { [name] = "v" }
        assert.truthy(problem:find(("byte 2 is \\x%02X"):format(byte), 1, true), problem)
        assert.is_true(of_bytes)
      end
    end
  end)

  it("refuses every control byte but the tab in a value, and says where", function()
    for byte = 0, 127 do
      local value = "v" .. string.char(byte)
      if byte >= 32 and byte < 127 or byte == 9 then
        assert.is_table((header_lines({ ["X-A"] = value }, row)))
      else
        local problem, of_bytes = refused { ["X-A"] = value }
        assert.equal(('headers: the value of "X-A" must not hold control bytes: byte 2 is '
          .. "\\x%02X"):format(byte), problem)
        assert.is_true(of_bytes)
      end
    end
  end)

  local wrong = {
    { "a list", { "X-A: 1" }, "must be named" },
    { "a boolean name", { [true] = "1" }, "must be named" },
    { "an empty name", { [""] = "1" }, "1 to 256 bytes" },
    { "an endless name", { [("x"):rep(257)] = "1" }, "1 to 256 bytes" },
    { "a number", { ["X-A"] = 1 }, '"X-A" must be a string, got 1' },
    { "an array", { ["X-A"] = { "1", "2" } }, '"X-A" must be a string, got a table' },
    { "an endless value", { ["X-A"] = ("x"):rep(8193) }, "at most 8192 bytes" },
    { "one name in two cases", { ["X-A"] = "1", ["x-a"] = "2" }, 'sets "x-a" twice' },
    { "a string", "X-A: 1", "must be a table of names and strings" },
  }
  for _, case in ipairs(wrong) do
    it("refuses " .. case[1], function()
      local problem = refused(case[2])
      assert.truthy(problem:find(case[3], 1, true), problem)
    end)
  end

  local ours = {
    Host = "base_url", Authorization = "key", ["User-Agent"] = "user_agent",
    ["Content-Type"] = "content_type", ["Idempotency-Key"] = "idempotency_key",
    ["Accept-Encoding"] = "decompress", ["Content-Length"] = "body",
    ["Transfer-Encoding"] = "body", Expect = "body", Connection = "connection",
    ["Keep-Alive"] = "connection", TE = "connection", Trailer = "connection",
    Upgrade = "connection", ["HTTP2-Settings"] = "connection", ["Proxy-Authorization"] = "proxy",
    ["Proxy-Connection"] = "proxy",
  }
  for name, remedy in pairs(ours) do
    it(("keeps %s to the client and says what to use"):format(name), function()
      for _, spelt in ipairs { name, name:lower(), name:upper() } do
        local problem, of_bytes = refused { [spelt] = "x" }
        assert.truthy(problem:find("must not set", 1, true))
        assert.truthy(problem:find(remedy, 1, true), problem)
        assert.is_nil(of_bytes)
      end
    end)
  end

  it("prints no value and no name that might be a key", function()
    local key = "tm_live_canary0123456789"
    local givens = {
      { ["X-A"] = key .. "\n" }, { [key] = 1 }, { ["Authorization"] = "Bearer " .. key },
      { ["Bearer " .. key] = "x" }, { [key] = "a\0" }, { key },
      { [key:upper()] = "x", [key] = "y" },
    }
    for _, given in ipairs(givens) do
      assert.falsy(refused(given):lower():find("canary", 1, true))
    end
  end)
end)
