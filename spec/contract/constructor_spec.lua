-- trailmark.new: what it accepts, what it raises, what comes back as `nil, err`; and `require`.

local trailmark = require "trailmark"
local environment = require "spec.support.environment"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local tmp = require "spec.support.tmp"

local KEY = "tm_live_4f1c9a2e77b05d38"
local PIN = "sha256//" .. ("A"):rep(43) .. "="

local function new(opts, variables)
  return environment.with(variables or {}, function() return trailmark.new(opts) end)
end

--- Asserts `nil, err` of kind "config" that matches, and that no key is in it.
local function refused(pattern, opts, variables)
  local tm, err = new(opts, variables)
  assert.is_nil(tm)
  assert.equal("config", err.kind)
  assert.matches(pattern, tostring(err))
  assert.is_false(err.retryable)
  assert.is_nil(tostring(err):find(KEY, 1, true))
  return err
end

describe("trailmark.new accepts", function()
  local rows = {
    { "fallback_key", "tm_live_other" }, { "fallback_key", print }, { "key", print },
    { "base_url", "https://api.example.com/v2/" }, { "base_url", "http://localhost:81/v1" },
    { "base_url", "http://127.8.9.1" }, { "base_url", "http://[::1]:8080/v1" },
    { "timeout", 0.25 }, { "connect_timeout", 3600 }, { "deadline", 1 },
    { "retries", 0 }, { "retries", 20 }, { "backoff", {} }, { "backoff", { base = 0.1, cap = 1 } },
    { "pace", "auto" }, { "pace", "off" },
    { "pace", { scope = "a", shared = false, limit = 5, window = 1, reserve = 2, spread = 0 } },
    { "priority", "low" }, { "priority", "high" }, { "concurrency", 1 },
    { "headers", { ["X-Team"] = "crm" } }, { "user_agent", "crm-sync/2.1" },
    { "proxy", "env" }, { "proxy", "http://proxy.example.com:3128" }, { "pinned_public_key", PIN },
    { "max_response_bytes", 1 }, { "on_event", print }, { "log", "off" }, { "log", print },
    { "loop", "blocking" },
    { "loop", { waiter = print, suspend = print, resume = print, watch = print } },
  }
  for i, row in ipairs(rows) do
    it(("%s, case %d"):format(row[1], i), function()
      local opts = { key = KEY, [row[1]] = row[2] }
      assert(new(opts)):close()
      assert.equal(row[2], opts[row[1]]) -- the caller's table is as it was
    end)
  end
end)

describe("trailmark.new raises, at its caller,", function()
  local rows = {
    { "a loop that lacks a function", { key = KEY, loop = {} }, "loop.waiter must be given" },
    { "an unknown option", { ky = KEY }, '"ky" %(did you mean "key"%?%)' },
    { "another client's name", { api_key = KEY }, 'did you mean "key"' },
    { "an option of a call", { idempotency_key = "x" }, "option of a call" },
    { "no table", KEY, "a key goes in as { key = ... }" },
    { "the module itself", trailmark, "called with a colon, where a dot belongs: trailmark.new { ... }" },
    { "a wrong type", { timeout = "10" }, "timeout must be a number of seconds" },
    { "milliseconds", { timeout = 10000 }, "milliseconds" },
    { "both key and key_file", { key = KEY, key_file = "/k" }, "key and key_file are both given" },
    { "a key of another type", { key = 5 }, "key must be a string or a function" },
    { "http to another machine", { base_url = "http://api.example.com/v1" }, "loopback" },
    { "http to a name that begins like loopback", { base_url = "http://127.0.0.1.example.com" },
      "loopback" },
    { "another scheme", { base_url = "ftp://api.example.com" }, "https" },
    { "a user in base_url", { base_url = "https://u:p@example.com" }, "base_url" },
    { "a query in base_url", { base_url = "https://example.com/?a=1" }, "query" },
    { "a fragment in base_url", { base_url = "https://example.com/#a" }, "fragment" },
    { "an impossible port", { base_url = "https://example.com:99999" }, "base_url" },
    { "a proxy for http", { base_url = "http://127.0.0.1:81", proxy = "http://127.0.0.1:3128" },
      'base_url "http://127%.0%.0%.1:81" cannot be reached by the option proxy.*leave proxy out, or' },
    { "a proxy for HTTP", { base_url = "HTTP://127.0.0.1", proxy = "socks5h://u:pw@p" }, "leave proxy out" },
    { "an impossible port of the proxy", { proxy = "http://127.0.0.1:99999" },
      "proxy must be .*its port is not a number from 1 to 65535" },
    { "a proxy without a host", { proxy = "http://" }, "proxy must be .*it names no host" },
    { "an empty proxy", { proxy = "" }, 'proxy must be a URL or "env": it has 0 bytes, not 1 to 4096' },
    { "verification turned off", { verify = false }, "cannot be turned off" },
    { "a control byte in a header", { headers = { ["X-A"] = "a\nb" } }, 'headers.*"X%-A".*\\x0A' },
    { "a control byte in user_agent", { user_agent = "a\rb" }, "user_agent.*\\x0D" },
    { "a header of the client's own", { headers = { Authorization = "x" } }, "Authorization" },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      local opts = row[2]
      if type(opts) == "table" and opts.key == nil then opts.key = KEY end
      if opts.key_file then opts.key = KEY end
      local text = raises(row[3], function()
        local tm = trailmark.new(opts)
        return tm
      end)
      assert.is_nil(text:find(KEY, 1, true), "the key is in the message")
    end)
  end
end)

describe("the proxy of the environment", function()
  it("may be allowed where it is not used", function()
    assert(new({ key = KEY, base_url = "http://127.0.0.1:1", proxy = "env" })):close()
  end)
end)

describe("the environment", function()
  it("gives the key", function()
    assert(new(nil, { TRAILMARK_API_KEY = KEY }))
    assert(new({}, { TRAILMARK_API_KEY = "  " .. KEY .. "\n" }))
  end)

  it("gives the file of the key", function()
    local path = tmp.file(KEY .. "\n")
    finally(function() os.remove(path) end)
    assert(new({}, { TRAILMARK_API_KEY_FILE = path }))
  end)

  it("gives base_url", function()
    local tm = assert(new({ key = KEY }, { TRAILMARK_BASE_URL = "http://127.0.0.1:1/v7" }))
    assert.matches("http://127%.0%.0%.1:1/v7", tostring(tm))
  end)

  it("yields to options", function()
    local tm = assert(new({ key = KEY, base_url = "http://127.0.0.1:2" }, {
      TRAILMARK_API_KEY = "no good", TRAILMARK_API_KEY_FILE = "/not/there",
      TRAILMARK_BASE_URL = "http://127.0.0.1:1/v7",
    }))
    assert.matches("127%.0%.0%.1:2", tostring(tm))
  end)

  it("counts as unset where a variable is empty", function()
    local tm = assert(new({ key = KEY }, { TRAILMARK_BASE_URL = "", TRAILMARK_LOG = "" }))
    assert.matches("https://api%.trailmark%.com/v1", tostring(tm))
  end)

  it("can be wrong without raising", function()
    refused("TRAILMARK_BASE_URL.*loopback", { key = KEY }, { TRAILMARK_BASE_URL = "http://a.b/" })
    refused("TRAILMARK_BASE_URL", { key = KEY }, { TRAILMARK_BASE_URL = "nonsense" })
    refused("TRAILMARK_BASE_URL", { key = KEY }, { TRAILMARK_BASE_URL = "https://a b/" })
    refused("TRAILMARK_BASE_URL: base_url.*leave proxy out", { key = KEY, proxy = "http://p:1" },
      { TRAILMARK_BASE_URL = "http://127.0.0.1:1" })
    refused("TRAILMARK_LOG", { key = KEY }, { TRAILMARK_LOG = "loud" })
    refused("TRAILMARK_API_KEY and TRAILMARK_API_KEY_FILE are both set", {},
      { TRAILMARK_API_KEY = KEY, TRAILMARK_API_KEY_FILE = "/k" })
    refused("TRAILMARK_API_KEY", {}, { TRAILMARK_API_KEY = KEY .. " " .. KEY })
    refused("/not/there", {}, { TRAILMARK_API_KEY_FILE = "/not/there" })
  end)
end)

describe("a key", function()
  it("is missed with both ways to give it", function()
    local err = refused("no API key", {})
    assert.matches("TRAILMARK_API_KEY_FILE", err.hint)
    assert.matches("key_file", err.hint)
  end)

  it("may lack the prefix and have white space around it", function()
    assert(new({ key = "oauth-token.with/other+shape==" }))
    assert(new({ key = "\t " .. KEY .. "\r\n" }))
  end)

  for name, key in pairs {
    ["empty"] = "", ["white space only"] = " \t\n", ["two words"] = KEY .. " " .. KEY,
    ["two lines"] = KEY .. "\n" .. KEY, ["NUL inside"] = "tm_live_\0x", ["DEL inside"] = "tm\127x",
    ["CRLF inside"] = "a\r\nX-B: c", ["beyond ASCII"] = "tm_live_\195\164",
    ["too long"] = ("k"):rep(100000),
  } do
    it("is refused when it is " .. name, function() refused("^trailmark: key ", { key = key }) end)
  end
end)

describe("require", function()
  it("opens nothing, starts nothing and leaves no global behind", function()
    local child = process.lua [[
      require "cjson"
      local process = require "trailmark_testing".process
      local names = {}
      for name in pairs(_G) do names[name] = true end
      local function state()
        local parts = { process.threads() }
        for fd, what in pairs(process.descriptors()) do parts[#parts + 1] = fd .. "=" .. what end
        table.sort(parts, function(a, b) return tostring(a) < tostring(b) end)
        return table.concat(parts, "\n")
      end
      local before = state()
      require "trailmark"
      assert(before == state(), state())
      for name in pairs(_G) do assert(names[name], name) end
      local tm = require "trailmark".new { key = "tm_live_x" }
      assert(before == state(), "a client opened something")
      io.write("same")
    ]]
    local said, code, complaint = child:finish()
    assert.same({ "same", 0, "" }, { said, code, complaint })
  end)
end)
