-- The options of the constructor.

local option_rows = require "spec.support.option_rows"

local new, raised, rows_of, CLIENT = option_rows.new, option_rows.raised, option_rows.of, option_rows.CLIENT
local KEY = option_rows.KEY

describe("options.client", function()
  rows_of(it, "trailmark%.new", new, CLIENT)

  it("fills the defaults of the contract into a fresh flat table", function()
    local expected = {
      timeout = 10, connect_timeout = 5, deadline = 90, retries = 3, backoff_base = 0.5,
      backoff_cap = 8, pace = "auto", pace_shared = true, pace_reserve = 0, pace_spread = 0.25,
      priority = "normal", concurrency = 16, max_response_bytes = 67108864, loop = "auto",
    }
    assert.same(expected, new())
    assert.same(expected, new({}))
    assert.are_not.equal(new(), new())
  end)

  it("puts nested options beside the others", function()
    local settings = new { backoff = { base = 1 }, pace = { limit = 5, scope = "w" } }
    assert.same({ 1, 8, "auto", 5, "w", true }, { settings.backoff_base, settings.backoff_cap,
      settings.pace, settings.pace_limit, settings.pace_scope, settings.pace_shared })
    assert.is_nil(settings.backoff)
    assert.equal("off", new({ pace = "off" }).pace)
  end)

  it("moves a default of backoff out of the way of the value given", function()
    local low = new { backoff = { cap = 0.02 } }
    assert.same({ 0.02, 0.02 }, { low.backoff_base, low.backoff_cap })
    local high = new { backoff = { base = 9 } }
    assert.same({ 9, 9 }, { high.backoff_base, high.backoff_cap })
  end)

  it("never changes the caller's tables", function()
    local given = { timeout = 1, backoff = { cap = 0.1 }, pace = { limit = 3 },
      headers = { ["X-A"] = "1" } }
    local settings = new(given)
    assert.same({ timeout = 1, backoff = { cap = 0.1 }, pace = { limit = 3 },
      headers = { ["X-A"] = "1" } }, given)
    settings.headers["x-b"] = "X-B: 2"
    assert.same({ ["X-A"] = "1" }, given.headers)
  end)

  it("runs no metamethod of the caller's table", function()
    local given = setmetatable({ timeout = 1 }, {
      __index = function() error("ran") end, __pairs = function() error("ran") end,
      __newindex = function() error("ran") end,
    })
    assert.equal(1, new(given).timeout)
  end)

  it("refuses key and key_file together", function()
    local message = raised("trailmark%.new", new, { key = KEY, key_file = "/k" })
    assert.truthy(message:find("key and key_file", 1, true))
  end)

  it("raises in the line that called the constructor", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local _, message = pcall(function() new { time_out = 1 } end)
    assert.truthy(message:find("client_spec.lua:" .. line .. ": ", 1, true), message)
  end)

  local unknown = {
    { "time_out", 'unknown option "time_out" (did you mean "timeout"?)' },
    { "Timeout", '(did you mean "timeout"?)' },
    { "retrys", '(did you mean "retries"?)' },
    { "api_key", '(did you mean "key"?)' },
    { "token", '(did you mean "key"?)' },
    { "max_retries", '(did you mean "retries"?)' },
    { "verify", "cannot be turned off" },
    { "debug", 'log = "debug"' },
    { "content_type", "an option of a call" },
    { 1, "options have names" },
    { true, "options have names" },
  }
  for _, row in ipairs(unknown) do
    it(("answers the unknown option %s"):format(tostring(row[1])), function()
      local message = raised("trailmark%.new", new, { [row[1]] = 1 })
      assert.truthy(message:find(row[2], 1, true), message)
    end)
  end

  it("suggests nothing where nothing is near", function()
    local message = raised("trailmark%.new", new, { colour = 1 })
    assert.truthy(message:find('unknown option "colour"$'), message)
  end)

  it("names an unknown option inside a table with its place", function()
    local message = raised("trailmark%.new", new, { pace = { limt = 5 } })
    assert.truthy(message:find('"pace.limt" (did you mean "limit"?)', 1, true), message)
  end)

  for _, value in ipairs { 1, true, print, KEY } do
    it(("wants a table, not %s"):format(type(value)), function()
      local message = raised("trailmark%.new", new, value)
      assert.truthy(message:find("must be a table", 1, true))
      assert.equal(type(value) == "string", message:find("{ key = ... }", 1, true) ~= nil)
    end)
  end
end)
