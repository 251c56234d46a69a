local options = require "trailmark.options"

local HERE = "options_spec%.lua:%d+: "
local KEY = "tm_live_canary0123456789"
local NAN, INFINITE = 0 / 0, math.huge

-- As trailmark.new, a verb and tm:request call the module: one level between it and the caller.
local function new(given)
  local settings = options.client(given, 2)
  return settings
end

local function get(given)
  local settings, problem = options.call(given, 2, "tm:get")
  return settings, problem
end

local function pages(given)
  local settings, problem = options.pages(given, 2, "tm:each")
  return settings, problem
end

local function request(given)
  local settings, problem = options.request(given, 2)
  return settings, problem
end

local function raised(what, read, ...)
  local arguments = { ... }
  local fine, message = pcall(function() read(arguments[1]) end)
  assert.is_false(fine, "nothing was raised")
  assert.is_string(message)
  assert.truthy(message:find("^.*" .. HERE .. what .. ": "), message)
  return message
end

local function shown(value)
  if type(value) ~= "table" then return tostring(value):sub(1, 30) end
  local parts = {}
  for name, inner in pairs(value) do parts[#parts + 1] = tostring(name) .. "=" .. shown(inner) end
  table.sort(parts)
  return "{" .. table.concat(parts, ","):sub(1, 40) .. "}"
end

local TIMES = { 0, -1, 3601, 30000, 1700000000, NAN, INFINITE, -INFINITE, "10", true, {} }
local NOT_TEXT = { 1, true, {}, print }
local PATHS = { 1, true, {}, print, "", "a\0b", "a\nb" }
local PIN = "sha256//" .. ("A"):rep(43) .. "="

--- What is refused and what is accepted of each option of the constructor.
local CLIENT = {
  { "key", { 1, true, {} }, { KEY, "", print } },
  { "key_file", PATHS, { "/etc/tm.key" } },
  { "fallback_key", { 1, true, {} }, { KEY, print } },
  { "base_url", { 1, true, {}, "", "api.trailmark.com", "https://", "https://u:p@h", "https://h?a",
    "https://h#f", "https://h/\n", "https://h/\0", "ftp://h", "https://h/caf\195\169" },
    { "https://h/v1", "http://127.0.0.1:1/v1" } },
  { "timeout", TIMES, { 0.1, 10, 3600 } },
  { "connect_timeout", TIMES, { 0.1, 10, 3600 } },
  { "deadline", TIMES, { 0.1, 10, 3600 } },
  { "retries", { -1, 21, 1.5, NAN, "3", true }, { 0, 3, 20 } },
  { "backoff", { 1, "x", true, { base = 0 }, { cap = 4000 }, { base = 2, cap = 1 }, { bass = 1 },
    { 1 } }, { {}, { base = 1 }, { cap = 1 }, { base = 1, cap = 1 } } },
  { "pace", { 1, true, "of", "", { limit = 0 }, { limit = 1.5 }, { window = 0 }, { reserve = -1 },
    { spread = 2 }, { spread = -1 }, { shared = 1 }, { scope = "" }, { scope = "a b" },
    { scope = ("x"):rep(129) }, { scope = 1 }, { limit = 5, reserve = 5 }, { limits = 5 } },
    { "auto", "off", {}, { scope = "w", shared = false, limit = 5, window = 0.5, reserve = 4,
      spread = 0 } } },
  { "priority", { 1, true, "urgent", "" }, { "low", "normal", "high" } },
  { "concurrency", { 0, -1, 10001, 1.5, NAN, "16" }, { 1, 16, 10000 } },
  { "headers", { 1, "x", true, { "X: 1" }, { Host = "x" }, { ["X-A"] = "a\r\nb" },
    { ["X-A"] = 1 }, { ["X A"] = "1" } }, { {}, { ["X-A"] = "1" } } },
  { "user_agent", { 1, true, "", "a\nb", "caf\195\169", " a", "a ", ("x"):rep(257) },
    { "report/1.0 (nightly)" } },
  { "ca_file", PATHS, { "/etc/ca.pem" } },
  { "proxy", { 1, true, "", "proxy:3128", "ftp://x", "http://x\n" },
    { "env", "http://u:p@proxy:3128" } },
  { "pinned_public_key", { 1, true, "", "x", "sha256//x" }, { PIN, PIN .. ";" .. PIN } },
  { "max_response_bytes", { 0, -1, 1.5, 2 ^ 41, INFINITE, NAN, "1" }, { 1, 67108864, 2 ^ 40 } },
  { "on_event", { 1, "x", true, {} }, { print } },
  { "log", { 1, true, {}, "verbose", "" }, { "off", "info", "debug", print } },
  { "loop", { 1, true, "luv", "", print, {} }, { "auto", "blocking", "nginx", "haproxy", "uv",
    "cqueues", "copas", { waiter = print, suspend = print, resume = print, watch = print } } },
}

--- The same of each option of a call. A third list: refused for its bytes, so returned, not raised.
local PAGINATE = {
  1, "page", true,
  { style = "pages" }, { items = 1 }, { param = 1 }, { next = true }, { per_page = 0 },
  { max_pages = 1.5 }, { max_items = "x" }, { start = -1 }, { start = {} }, { sytle = "page" },
  { 1 },
}
local CALL = {
  { "params", { 1, "x", true, { "x" }, { id = true }, { id = {} }, { id = NAN },
    { id = INFINITE } }, { {}, { id = "x", n = 7 } }, {} },
  { "headers", { 1, "x", { "x" }, { Host = "x" }, { ["X-A"] = 1 },
    { ["X-A"] = "1", ["x-a"] = "1" } },
    { {}, { ["X-A"] = "1" } }, { { ["X-A"] = "a\nb" }, { ["X-A"] = "\0" }, { ["X\r"] = "1" } } },
  { "content_type", NOT_TEXT, { "text/csv; charset=utf-8" },
    { "", "a\r\nb", " a", "caf\195\169" } },
  { "idempotency_key", { 1, true, {} }, { "k", false, ("x"):rep(255) },
    { "", "a b", "a\n", "caf\195\169", ("x"):rep(256) } },
  { "timeout", TIMES, { 0.1, 3600 }, {} },
  { "deadline", TIMES, { 0.1, 3600 }, {} },
  { "retries", { -1, 21, 1.5, "3" }, { 0, 20 }, {} },
  { "priority", { 1, true, "urgent" }, { "low", "normal", "high" }, {} },
  { "decode", { 1, "false", {} }, { true, false }, {} },
}
local LISTS = {
  { "paginate", PAGINATE,
    { {}, { style = "page", items = "data", param = "p", next = print, per_page = 50,
      max_pages = 1, max_items = 1, start = "c1" } }, { { param = "a\n" }, { start = "" } } },
}

local function rows_of(what, read, rows)
  for _, row in ipairs(rows) do
    local name = row[1]
    for _, value in ipairs(row[2]) do
      it(("refuses %s = %s by its name"):format(name, shown(value)), function()
        local message = raised(what, read, { [name] = value })
        assert.truthy(message:find(what .. ": [^%s]*%s?[^%s]*" .. name)
          or message:find('option "' .. name, 1, true)
          or message:find("option " .. name, 1, true), message)
      end)
    end
    for _, value in ipairs(row[3]) do
      it(("accepts %s = %s"):format(name, shown(value)), function()
        local settings, problem = read { [name] = value }
        assert.is_nil(problem)
        assert.is_table(settings)
      end)
    end
    for _, value in ipairs(row[4] or {}) do
      it(("hands back what is wrong with %s = %s"):format(name, shown(value)), function()
        local settings, problem = read { [name] = value }
        assert.is_nil(settings)
        assert.truthy(problem:find(name, 1, true), problem)
      end)
    end
  end
end

describe("options.client", function()
  rows_of("trailmark%.new", new, CLIENT)

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
    assert.truthy(message:find("options_spec.lua:" .. line .. ": ", 1, true), message)
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

describe("options.call", function()
  rows_of("tm:get", get, CALL)

  it("gives nil for nil, and a fresh table for one", function()
    assert.same({}, { get(nil) })
    local given = { timeout = 1, params = { id = 1 }, headers = { ["X-A"] = "1" } }
    local settings = get(given)
    assert.same({ timeout = 1, params = { id = 1 }, headers = { ["x-a"] = "X-A: 1" } }, settings)
    assert.are_not.equal(given, settings)
    assert.are_not.equal(given.params, settings.params)
  end)

  it("keeps false", function()
    assert.same({ decode = false, idempotency_key = false },
      get { decode = false, idempotency_key = false })
  end)

  local unknown = {
    { "time_out", '(did you mean "timeout"?)' }, { "key", "an option of trailmark.new" },
    { "query", "beside the options" }, { "body", "beside the options" },
    { "paginate", "an option of tm:pages" },
    { "idempotencykey", '(did you mean "idempotency_key"?)' }, { 1, "options have names" },
  }
  for _, row in ipairs(unknown) do
    it(("answers the unknown option %s"):format(tostring(row[1])), function()
      local message = raised("tm:get", get, { [row[1]] = 1 })
      assert.truthy(message:find(row[2], 1, true), message)
    end)
  end

  it("wants a table", function()
    for _, value in ipairs { 1, true, "x", print } do
      assert.truthy(raised("tm:get", get, value):find("must be a table", 1, true))
    end
  end)
end)

describe("options.request", function()
  it("gives the parts and the options of a call in one table", function()
    local query, body = { a = 1 }, { b = 2 }
    local settings = request { method = "POST", path = "/x", query = query, body = body,
      timeout = 2 }
    assert.same({ method = "POST", path = "/x", query = { a = 1 }, body = { b = 2 }, timeout = 2 },
      settings)
    assert.equal(query, settings.query)
    assert.equal(body, settings.body)
  end)

  it("takes GET for a request without a body", function()
    assert.equal("GET", request({ path = "/x" }).method)
  end)

  for _, method in ipairs { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } do
    it("knows " .. method, function()
      assert.equal(method, request({ path = "/x", method = method }).method)
    end)
  end

  local refused = {
    { "no path", {}, "path must be given" },
    { "a path that is no string", { path = 7 }, "path must be a string, got 7" },
    { "a method in small letters", { path = "/x", method = "get" }, '(did you mean "GET"?)' },
    { "a misspelt method", { path = "/x", method = "PSOT" }, '(did you mean "POST"?)' },
    { "a method of a server's", { path = "/x", method = "TRACE" }, 'got "TRACE"' },
    { "a method that is no string", { path = "/x", method = 1 }, "method must be" },
    { "a body without a method", { path = "/x", body = {} }, "method must be given" },
    { "a body with GET", { path = "/x", method = "GET", body = {} }, "GET carries no body" },
    { "a body with HEAD", { path = "/x", method = "HEAD", body = {} }, "HEAD carries no body" },
    { "bytes without a type", { path = "/x", method = "PUT", body = "x" }, "content_type" },
    { "a body of another type", { path = "/x", method = "PUT", body = 1 }, "body must be" },
    { "a query of another type", { path = "/x", query = 1 }, "query must be" },
    { "an unknown name", { path = "/x", qurey = {} }, '(did you mean "query"?)' },
    { "the client's option", { path = "/x", key = KEY }, "an option of trailmark.new" },
    { "a wrong option", { path = "/x", timeout = 0 }, "timeout must be" },
    { "no table", "/x", "must be a table" },
    { "nothing", nil, "must be a table" },
  }
  for _, row in ipairs(refused) do
    it("refuses " .. row[1], function()
      local message = raised("tm:request", request, row[2])
      assert.truthy(message:find(row[3], 1, true), message)
    end)
  end

  it("hands back what is wrong with the bytes", function()
    local settings, problem = request { path = "/x", idempotency_key = "a\nb" }
    assert.is_nil(settings)
    assert.truthy(problem:find("byte 2 is \\x0A", 1, true))
  end)

  it("speaks in the name of its caller", function()
    local _, message = pcall(function() options.request({}, 1, "tm:send") end)
    assert.truthy(message:find(HERE .. "tm:send: path must be given$"), message)
  end)
end)

describe("options.pages", function()
  rows_of("tm:each", pages, CALL)
  rows_of("tm:each", pages, LISTS)

  it("keeps paginate in a table of its own, its style filled, its start a string", function()
    assert.same({ style = "auto", start = "7", max_pages = 2 },
      pages({ paginate = { start = 7, max_pages = 2 } }).paginate)
  end)

  it("fills paginate where it was not given", function()
    assert.same({ paginate = { style = "auto" } }, pages(nil))
    assert.same({ timeout = 1, paginate = { style = "auto" } }, pages { timeout = 1 })
    assert.are_not.equal(pages(nil).paginate, pages(nil).paginate)
  end)

  it("wants a table", function()
    assert.truthy(raised("tm:each", pages, "x"):find("must be a table", 1, true))
  end)
end)

describe("options.looks_like_opts", function()
  it("finds each option's name, false values included", function()
    for _, rows in ipairs { CALL, LISTS } do
      for _, row in ipairs(rows) do
        assert.equal(row[1], options.looks_like_opts { x = 1, [row[1]] = false })
        assert.equal(row[1], options.looks_like_opts(setmetatable({ [row[1]] = 1 }, {})))
      end
    end
  end)

  it("leaves everything else alone", function()
    local trap = setmetatable({ a = 1 }, { __index = function() error("ran") end })
    for _, value in ipairs { {}, { a = 1 }, { "timeout" }, trap, "timeout=1", 7, true } do
      assert.is_nil(options.looks_like_opts(value))
    end
    assert.is_nil(options.looks_like_opts(nil))
  end)
end)

describe("options.arguments", function()
  local function check(arguments)
    options.arguments(arguments.path or "/x", arguments.part or "query", arguments.value,
      arguments.opts, 2, "tm:call")
  end

  local refused = {
    { "an option in the query", { value = { limit = 5, timeout = 1 } }, "did you mean opts?" },
    { "an option in the body", { part = "body", value = { decode = false } },
      "did you mean opts?" },
    { "a query of another type", { value = 7 }, "query must be" },
    { "a body of another type", { part = "body", value = true, opts = {} }, "body must be" },
    { "bytes without a type", { part = "body", value = "a,b" }, "content_type must be given" },
    { "bytes without a type beside other options", { part = "body", value = "a,b",
      opts = { timeout = 1 } }, "content_type must be given" },
    { "a path that is no string", { path = {} }, "path must be a string, got a table" },
  }
  for _, row in ipairs(refused) do
    it("refuses " .. row[1], function()
      local message = raised("tm:call", check, row[2])
      assert.truthy(message:find(row[3], 1, true), message)
    end)
  end

  local accepted = {
    { "nothing", {} },
    { "a query", { value = { limit = 5 } } },
    { "an encoded query", { value = "timeout=1" } },
    { "an option's name that an empty opts says is meant", { value = { timeout = 1 }, opts = {} } },
    { "bytes with a type", { part = "body", value = "a,b", opts = { content_type = "text/csv" } } },
  }
  for _, row in ipairs(accepted) do
    it("accepts " .. row[1], function()
      assert.has_no.errors(function() check(row[2]) end)
    end)
  end
end)

describe("options.environment", function()
  local function from(variables, given)
    local settings = new(given)
    local fine, problem, option = options.environment(settings, function(name)
      return variables[name]
    end)
    return settings, fine, problem, option
  end

  it("ends in the defaults", function()
    local settings, fine = from {}
    assert.is_true(fine)
    assert.equal("https://api.trailmark.com/v1", settings.base_url)
    assert.equal("off", settings.log)
    assert.is_nil(settings.key)
    assert.is_nil(settings.key_file)
    assert.is_nil(settings.base_url_variable)
  end)

  it("fills what the options left open and says from where", function()
    local settings, fine = from { TRAILMARK_API_KEY = KEY, TRAILMARK_BASE_URL = "https://h/v2",
      TRAILMARK_LOG = "debug" }
    assert.is_true(fine)
    assert.same({ KEY, "https://h/v2", "debug", "TRAILMARK_API_KEY", "TRAILMARK_BASE_URL" },
      { settings.key, settings.base_url, settings.log, settings.key_variable,
        settings.base_url_variable })
    settings = from { TRAILMARK_API_KEY_FILE = "/k" }
    assert.same({ "/k", "TRAILMARK_API_KEY_FILE" }, { settings.key_file,
      settings.key_file_variable })
  end)

  it("is beaten by the options, a key of either kind by either option", function()
    local all = { TRAILMARK_API_KEY = "e", TRAILMARK_API_KEY_FILE = "/e",
      TRAILMARK_BASE_URL = "https://e", TRAILMARK_LOG = "info" }
    local settings, fine = from(all, { key = "o", base_url = "https://o", log = "off" })
    assert.is_true(fine)
    assert.same({ "o", "https://o", "off" }, { settings.key, settings.base_url, settings.log })
    assert.is_nil(settings.key_file)
    assert.is_nil(settings.key_variable)
    settings, fine = from(all, { key_file = "/o" })
    assert.is_true(fine)
    assert.equal("/o", settings.key_file)
    assert.is_nil(settings.key)
  end)

  it("takes an empty variable for none", function()
    local settings, fine = from { TRAILMARK_API_KEY = "", TRAILMARK_API_KEY_FILE = "/k",
      TRAILMARK_BASE_URL = "", TRAILMARK_LOG = "" }
    assert.is_true(fine)
    assert.is_nil(settings.key)
    assert.equal("/k", settings.key_file)
    assert.equal("off", settings.log)
  end)

  local wrong = {
    { { TRAILMARK_API_KEY = KEY, TRAILMARK_API_KEY_FILE = "/k" }, "key",
      "TRAILMARK_API_KEY and TRAILMARK_API_KEY_FILE are both set" },
    { { TRAILMARK_BASE_URL = "h" }, "base_url", "TRAILMARK_BASE_URL: base_url must be" },
    { { TRAILMARK_LOG = "loud" }, "log", "TRAILMARK_LOG: log must be" },
    { { TRAILMARK_API_KEY_FILE = "/a\nb" }, "key_file", "TRAILMARK_API_KEY_FILE: key_file must" },
  }
  for _, row in ipairs(wrong) do
    it("returns what is wrong with " .. row[2], function()
      local _, fine, problem, option = from(row[1])
      assert.is_nil(fine)
      assert.equal(row[2], option)
      assert.truthy(problem:find(row[3], 1, true), problem)
      assert.falsy(problem:find("canary", 1, true))
    end)
  end

  it("reads the process's own environment unless told otherwise", function()
    local settings = new { key = "k" }
    assert.is_true(options.environment(settings))
    assert.is_string(settings.base_url)
  end)
end)

describe("a key in the wrong place", function()
  --- Every table that has the key once, as a value or a name, at any option.
  local function misplaced(rows)
    local givens = { KEY, { KEY }, { [KEY] = 1 }, { [KEY] = KEY }, { { KEY } } }
    for _, row in ipairs(rows) do
      for _, value in ipairs { KEY, KEY .. "\n", { KEY }, { [KEY] = KEY },
        { ["Bearer " .. KEY] = 1 },
        { ["X-Key"] = KEY .. "\0" }, { style = KEY }, { scope = KEY .. " " }, { limit = KEY } } do
        givens[#givens + 1] = { [row[1]] = value }
        givens[#givens + 1] = { [row[1] .. "x"] = value }
      end
    end
    for _, name in ipairs { "token", "api_key", "secret", "authorization", "Key" } do
      givens[#givens + 1] = { [name] = KEY }
    end
    return givens
  end

  local readers = {
    ["options.client"] = { new, CLIENT }, ["options.call"] = { get, CALL },
    ["options.request"] = { request, CALL }, ["options.pages"] = { pages, LISTS },
  }
  for name, reader in pairs(readers) do
    it("is in no message of " .. name, function()
      local refused = 0
      for _, given in ipairs(misplaced(reader[2])) do
        local fine, first, second = pcall(reader[1], given)
        local message = not fine and first or second
        if message then
          refused = refused + 1
          assert.falsy(message:lower():find("canary", 1, true), message)
        end
      end
      assert.is_true(refused >= 10 * #reader[2], refused)
    end)
  end

  it("is in no message about the arguments of a verb", function()
    for _, part in ipairs { "query", "body" } do
      for _, value in ipairs { KEY, { timeout = KEY }, { [KEY] = 1, retries = 1 } } do
        local fine, message = pcall(options.arguments, "/x", part, value, nil, 1, "tm:post")
        assert.falsy(not fine and message:find("canary", 1, true))
      end
    end
  end)
end)
