--- What of each option is refused and what is accepted, and readers of options as their callers
-- are, for the specs of options.

local options = require "trailmark.options"

local HERE = "option_rows%.lua:%d+: "
local option_rows = {}

local KEY = "tm_live_canary0123456789"
local NAN, INFINITE = 0 / 0, math.huge

-- As trailmark.new, a verb and tm:request call the module: one level between it and the caller.
function option_rows.new(given)
  local settings = options.client(given, 2)
  return settings
end

function option_rows.get(given)
  local settings, problem = options.call(given, 2, "tm:get")
  return settings, problem
end

function option_rows.pages(given)
  local settings, problem = options.pages(given, 2, "tm:each")
  return settings, problem
end

function option_rows.request(given)
  local settings, problem = options.request(given, 2)
  return settings, problem
end

function option_rows.raised(what, read, ...)
  local arguments = { ... }
  local fine, message = pcall(function() read(arguments[1]) end)
  assert(not fine, "nothing was raised")
  assert(type(message) == "string" and message:find("^.*" .. HERE .. what .. ": "), message)
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

--- Specs of all rows; `it` is busted's.
function option_rows.of(it, what, read, rows)
  for _, row in ipairs(rows) do
    local name = row[1]
    for _, value in ipairs(row[2]) do
      it(("refuses %s = %s by its name"):format(name, shown(value)), function()
        local message = option_rows.raised(what, read, { [name] = value })
        assert(message:find(what .. ": [^%s]*%s?[^%s]*" .. name)
          or message:find('option "' .. name, 1, true)
          or message:find("option " .. name, 1, true), message)
      end)
    end
    for _, value in ipairs(row[3]) do
      it(("accepts %s = %s"):format(name, shown(value)), function()
        local settings, problem = read { [name] = value }
        assert(problem == nil and type(settings) == "table", problem)
      end)
    end
    for _, value in ipairs(row[4] or {}) do
      it(("hands back what is wrong with %s = %s"):format(name, shown(value)), function()
        local settings, problem = read { [name] = value }
        assert(settings == nil)
        assert(problem:find(name, 1, true), problem)
      end)
    end
  end
end

option_rows.KEY, option_rows.CLIENT, option_rows.CALL, option_rows.LISTS = KEY, CLIENT, CALL, LISTS

return option_rows
