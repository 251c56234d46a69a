--- The options of the constructor, `trailmark.new`.

local adapter = require "trailmark.loop.adapter"
local checks = require "trailmark.checks"
local header_lines = require "trailmark.header_lines"
local schema = require "trailmark.options.schema"

--- Who stops first when the rate limit is near: "low" while less than a fifth of the window is
-- left; "high" may use the reserve.
---@alias trailmark.Priority "low"|"normal"|"high"

--- Returns a key and, where it will expire, the seconds until it is asked for again as the third
-- value (0 or less: before every call); or nil and what is wrong. It runs in the coroutine of one
-- who waits for a call, or in one of the loop's where nobody does, may yield there, and runs once
-- at a time.
---@alias trailmark.KeyFunction fun(why: "first"|"unauthorized"): string|nil, any, number?

--- The bounds of the random wait before a retry. The most it may be doubles with each.
---@class trailmark.Backoff
---@field base? number  seconds before the first retry at most, default 0.5
---@field cap? number   seconds before any retry at most, default 8

--- How requests are held back before the rate limit is hit.
---@class trailmark.Pace
---@field scope? string    name of the shared budget; that of the key where there is none
---@field shared? boolean  by every process of this user on this machine, default true
---@field limit? integer   requests a window at most; the server's where there is none
---@field window? number   seconds; the server's where there is none
---@field reserve? integer  requests that only priority "high" may use, default 0
---@field spread? number   share of the window left (0..1) from which sends are spread; 0 runs to
---  the wall; default 0.25

--- What `trailmark.new` takes; all are optional. Times are seconds, 3600 at most.
---@class trailmark.Options
---@field key? string|trailmark.KeyFunction  TRAILMARK_API_KEY of the environment where neither this
---  nor key_file is given
---@field key_file? string          path of a file with the key and nothing else, read again when it
---  changed; TRAILMARK_API_KEY_FILE where neither this nor key is given
---@field fallback_key? string|trailmark.KeyFunction  the other key while one is being rotated
---@field base_url? string          TRAILMARK_BASE_URL, else https://api.trailmark.com/v1; `http:`
---  for loopback hosts only
---@field timeout? number           seconds for one attempt, default 10
---@field connect_timeout? number   seconds for connecting, within an attempt, default 5
---@field deadline? number          seconds for the whole call, its waits included, default 90
---@field retries? integer          after the first attempt, 0..20, default 3
---@field backoff? trailmark.Backoff  bounds of the wait before a retry
---@field pace? "auto"|"off"|trailmark.Pace  whether the rate limit is kept to, and how; default
---  "auto"
---@field priority? trailmark.Priority  of its calls, default "normal"
---@field concurrency? integer      transfers in flight at once, 1..10000, default 16
---@field headers? table<string, string>  added to every request
---@field user_agent? string        put before ours
---@field ca_file? string           certificates to trust, PEM; the system's where there is none
---@field proxy? string             a URL, or "env": the environment's; none where it is not given.
---  For https: only; a URL beside a base_url of http: is refused
---@field pinned_public_key? string  "sha256//..." of libcurl, several joined by ";"
---@field max_response_bytes? integer  of the decoded body, default 67108864 (64 MiB)
---@field on_event? fun(event: trailmark.Event)  is told what happens, as it happens
---@field log? "off"|"info"|"debug"|fun(level: string, line: string)  a line to stderr, or to a
---  function, for each retry, long wait and change of key; "debug" for each request as well;
---  TRAILMARK_LOG, else "off"
---@field loop? "auto"|"blocking"|"nginx"|"haproxy"|"uv"|"cqueues"|"copas"|trailmark.Loop  the event
---  loop to wait in, default "auto"

local seconds, integer, typed = checks.seconds, checks.integer, checks.typed
local text, word, group = checks.text, checks.word, checks.group
local describe = checks.describe

local client = { MAX_RETRIES = 20 }

local function backoff_order(settings, given)
  local base, cap = settings.backoff_base, settings.backoff_cap
  if base <= cap then return nil end
  if given.base and given.cap then
    return ("backoff.base must be at most backoff.cap, got %s and %s"):format(describe(base),
      describe(cap))
  end
  -- One given alone moves the other's default out of its way.
  local alone = given.base and base or cap
  settings.backoff_base, settings.backoff_cap = alone, alone
end

local function reserve_fits(settings)
  local reserve, limit = settings.pace_reserve, settings.pace_limit
  if not limit or reserve < limit then return nil end
  return ("pace.reserve must be below pace.limit, got %s and %s"):format(describe(reserve),
    describe(limit))
end

client.backoff = schema.new({
  { "base", seconds, default = 0.5 },
  { "cap", seconds, default = 8 },
}, { within = "backoff", flat = true, rules = { backoff_order } })

client.pace = schema.new({
  { "scope", text, rule = "a name of visible ASCII", longest = 128, unwanted = checks.NOT_VISIBLE },
  { "shared", typed, types = checks.BOOLEAN, rule = "a boolean", default = true },
  { "limit", integer, from = 1, to = checks.MANY },
  { "window", seconds },
  { "reserve", integer, from = 0, to = checks.MANY, default = 0 },
  { "spread", checks.share, default = 0.25 },
}, { within = "pace", flat = true, rules = { reserve_fits } })

local function one_key_source(settings)
  if settings.key == nil or settings.key_file == nil then return nil end
  return "key and key_file are both given: one of them is enough"
end

local function key_row(name)
  return { name, typed, types = checks.STRING_OR_FUNCTION, rule = "a string or a function" }
end

local function path_row(name)
  return { name, text, rule = "the path of a file" }
end

--- The table stays the caller's own: what is under way in a loop is found by it.
local function checked_adapter(value)
  local problem = adapter.problem(value)
  if problem then return nil, problem end
  return value
end

client.rows = {
  key_row "key",
  path_row "key_file",
  key_row "fallback_key",
  { "base_url", text, rule = "a URL such as https://host/v1", shape = checks.base_url_shape,
    unwanted = checks.NOT_ASCII },
  { "timeout", seconds, default = 10 },
  { "connect_timeout", seconds, default = 5 },
  { "deadline", seconds, default = 90 },
  { "retries", integer, from = 0, to = client.MAX_RETRIES, default = 3 },
  { "backoff", group, read = schema.beside(client.backoff),
    rule = "a table, as in { base = 0.5, cap = 8 }" },
  { "pace", word, words = { "auto", "off" }, other = "table", other_rule = "a table",
    read = schema.beside(client.pace, "auto"), default = "auto" },
  { "priority", word, words = { "low", "normal", "high" }, default = "normal" },
  { "concurrency", integer, from = 1, to = 10000, default = 16 },
  { "headers", header_lines, rule = "a table of names and strings" },
  { "user_agent", text, rule = "visible ASCII", longest = 256, unwanted = checks.NOT_ASCII,
    shape = checks.no_outer_space },
  path_row "ca_file",
  { "proxy", text, rule = 'a URL or "env"', shape = checks.proxy_shape,
    unwanted = checks.NOT_ASCII },
  { "pinned_public_key", text, rule = '"sha256//" and 44 characters of base64, joined by ";"',
    shape = checks.pins_shape, unwanted = checks.NOT_VISIBLE },
  { "max_response_bytes", integer, from = 1, to = 2 ^ 40, default = 67108864 },
  { "on_event", typed, types = checks.FUNCTION, rule = "a function" },
  { "log", word, words = { "off", "info", "debug" }, other = "function",
    other_rule = "a function(level, line)" },
  { "loop", word, words = { "auto", "blocking", "nginx", "haproxy", "uv", "cqueues", "copas" },
    other = "table", other_rule = "an adapter table", read = checked_adapter, default = "auto" },
}

--- Of the options that are tables, whose settings stand beside the others.
client.defaults = schema.fill(schema.fill({}, client.backoff.defaults), client.pace.defaults)

client.rules = { one_key_source }

local TLS_STAYS = "TLS verification cannot be turned off; ca_file names a CA of your own"

--- On names that are no options of it.
client.notes = {
  verify = TLS_STAYS, ssl_verify = TLS_STAYS, verify_peer = TLS_STAYS, verify_host = TLS_STAYS,
  ssl_verifypeer = TLS_STAYS, insecure = TLS_STAYS, debug = 'did you mean log = "debug"?',
}

return client
