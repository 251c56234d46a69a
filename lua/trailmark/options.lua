--- What a caller may pass, option by option: one row each, one loop for all.
--
-- A caller's mistake (unknown name, wrong type, out of range) raises a string with the caller's
-- position. What is only found out from the bytes of one call's values (a control byte in a header)
-- comes back as `nil, problem` instead: the call then fails with kind "argument".
-- The caller's tables are read with `next` and never changed; the settings that come back are fresh.
-- No value of a string option is ever printed: any of them might be a key put in the wrong place.
--
-- `level` is as for `error` in the function that calls us: 2, its caller, unless told otherwise.

local nearest = require "trailmark.nearest"

local options = {}

---@alias trailmark.Priority "low"|"normal"|"high"
---@alias trailmark.KeyFunction fun(why: "first"|"unauthorized"): string|nil, any, number?

---@class trailmark.Backoff
---@field base? number  seconds before the first retry at most, default 0.5
---@field cap? number   seconds before any retry at most, default 8

---@class trailmark.Pace
---@field scope? string    name of the shared budget
---@field shared? boolean  by every process of this user on this machine, default true
---@field limit? integer   requests per window at most; default the server's
---@field window? number   seconds
---@field reserve? integer requests that only priority "high" may use, default 0
---@field spread? number   share of the window left (0..1) from which sends are spread, default 0.25

---@class trailmark.Options
---@field key? string|trailmark.KeyFunction
---@field key_file? string
---@field fallback_key? string|trailmark.KeyFunction
---@field base_url? string
---@field timeout? number           seconds for one attempt, default 10
---@field connect_timeout? number   seconds, default 5
---@field deadline? number          seconds for the whole call, default 90
---@field retries? integer          0..20, default 3
---@field backoff? trailmark.Backoff
---@field pace? "auto"|"off"|trailmark.Pace
---@field priority? trailmark.Priority
---@field concurrency? integer      1..10000, default 16
---@field headers? table<string, string>
---@field user_agent? string        put before ours
---@field ca_file? string
---@field proxy? string             a URL, or "env"
---@field pinned_public_key? string "sha256//..." of libcurl, several joined by ";"
---@field max_response_bytes? integer  of the decoded body, default 64 MiB
---@field on_event? fun(event: table)
---@field log? "off"|"info"|"debug"|fun(level: string, line: string)
---@field loop? "auto"|"blocking"|"nginx"|"haproxy"|"uv"|"cqueues"|"copas"|table

---@class trailmark.Paginate
---@field style? "auto"|"cursor"|"page"|"offset"|"link"
---@field items? string|fun(body: any): table       where a page's items are
---@field param? string                             the query parameter that asks for a page
---@field next? string|fun(body: any): string|nil   where the next page is told
---@field per_page? integer
---@field max_pages? integer
---@field max_items? integer
---@field start? string|integer                     page.next of an earlier run

---@class trailmark.CallOptions
---@field params? table<string, string|number>  fill the path's {names}
---@field headers? table<string, string>
---@field content_type? string
---@field idempotency_key? string|false         false sends none
---@field timeout? number
---@field deadline? number
---@field retries? integer
---@field priority? trailmark.Priority
---@field decode? boolean                       false gives the bytes
---@field paginate? trailmark.Paginate

---@class trailmark.Request: trailmark.CallOptions
---@field method? "GET"|"HEAD"|"POST"|"PUT"|"PATCH"|"DELETE"
---@field path string
---@field query? table|string
---@field body? table|string

local MAX_SECONDS = 3600
local MAX_HEADER_BYTES = 8192

-- Saying what came -------------------------------------------------------------------------------

--- A name may be printed when it looks like a name: a key passed as one stays hidden.
local function printable_name(name)
  return #name <= 32 and name:find("^[%a_][%w_-]*$") and not name:find("^tm_live_")
end

local function quoted(name)
  if printable_name(name) then return '"' .. name .. '"' end
  return ("a string of %d bytes"):format(#name)
end

local function describe(value)
  local kind = type(value)
  if kind == "string" then return ("a string of %d bytes"):format(#value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "number" then return "a " .. kind end
  if value ~= value then return "NaN" end
  return ("%.14g"):format(value)
end

local function must(row, rule, value)
  return ("%s must be %s, got %s"):format(row.label, rule, describe(value))
end

local function did_you_mean(word, names)
  local found = nearest.find(word, names)
  return found and (' (did you mean "%s"?)'):format(found) or ""
end

-- Checks ------------------------------------------------------------------------------------------
-- check(value, row, settings) -> accepted, or nil, problem, whether only the bytes are at fault.

local function seconds(value, row)
  if type(value) ~= "number" then return nil, must(row, "a number of seconds", value) end
  if value > 0 and value <= MAX_SECONDS then return value end
  local rule = ("above 0 and at most %d seconds"):format(MAX_SECONDS)
  local reason = value > MAX_SECONDS and " (milliseconds or a date? times are in seconds)" or ""
  return nil, must(row, rule, value) .. reason
end

-- On Lua 5.3+ an integral float becomes an integer, which is what the core asks for.
local to_integer = math.tointeger or function(value) return value end

local function integer(value, row)
  if type(value) == "number" and value % 1 == 0 and value >= row.from and value <= row.to then
    return to_integer(value)
  end
  return nil, must(row, ("an integer from %.0f to %.0f"):format(row.from, row.to), value)
end

local function share(value, row)
  if type(value) == "number" and value >= 0 and value <= 1 then return value end
  return nil, must(row, "a number from 0 to 1", value)
end

--- Any value of one of the row's types.
local function typed(value, row)
  if row.types[type(value)] then return value end
  return nil, must(row, row.rule, value)
end

--- One of the row's words, or a value of its other type.
local function word(value, row, settings)
  if row.set[value] then return value end
  if row.other and type(value) == row.other then
    if row.group then return row.group(value, settings) end
    return value
  end
  if type(value) ~= "string" then return nil, must(row, row.rule, value) end
  local shown = #value <= 16 and value:find("^%a+$") and ('"%s"'):format(value) or describe(value)
  return nil, ("%s must be %s, got %s%s"):format(row.label, row.rule, shown,
    did_you_mean(value, row.words))
end

--- A string without control bytes, of the row's shape.
local function text(value, row)
  if row.also_false and value == false then return false end
  if type(value) ~= "string" then return nil, must(row, row.rule, value) end
  local longest = row.longest or 4096
  if #value == 0 or #value > longest then
    return nil, must(row, ("%s of 1 to %d bytes"):format(row.rule, longest), value), true
  end
  local at = value:find(row.unwanted or "[^\32-\126\128-\255]")
  if at then
    return nil, ("%s must be %s: byte %d is \\x%02X"):format(row.label, row.rule, at,
      value:byte(at)), true
  end
  if row.shape then
    local problem = row.shape(value)
    if problem then return nil, ("%s must be %s: %s"):format(row.label, row.rule, problem), true end
  end
  return value
end

local function url_shape(value)
  local authority, rest = value:match("^[Hh][Tt][Tt][Pp][Ss]?://([^/?#]*)(.*)$")
  if not authority then return "it does not begin with https://" end
  if authority:find("@", 1, true) then return "no user or password belongs in it" end
  if authority == "" or authority:find("^:") then return "it names no host" end
  if rest:find("[?#]") then return "no query or fragment belongs in it" end
  if value:find("[\\ ]") then return "it has a space or a backslash" end
end

local PROXY_SCHEMES = { http = true, https = true, socks4 = true, socks4a = true, socks5 = true,
  socks5h = true }

local function proxy_shape(value)
  if value == "env" then return nil end
  local scheme, host = value:match("^(%w+)://([^/]+)")
  if not scheme or not PROXY_SCHEMES[scheme:lower()] then
    return "it begins with none of http, https, socks4, socks4a, socks5, socks5h"
  end
  if host:find("[%s\\]") then return "it has a space or a backslash" end
end

--- Each pin is the base64 of a SHA-256: 43 characters and one `=`.
local function pin_shape(value)
  for pin in (value .. ";"):gmatch("([^;]*);") do
    local digest = pin:match("^sha256//([%w+/]+)=$")
    if not digest or #digest ~= 43 then return "a part of it is not" end
  end
end

local function no_outer_space(value)
  if value:find("^ ") or value:find(" $") then return "it begins or ends with a space" end
end

-- Headers -----------------------------------------------------------------------------------------

local OF_THE_CONNECTION = "belongs to the connection"
local OF_THE_BODY = "follows from the body"

-- Why these are not the caller's to set, and what to use instead.
local OUR_HEADERS = {
  ["host"] = "follows from base_url",
  ["authorization"] = "follows from key or key_file",
  ["proxy-authorization"] = "follows from proxy",
  ["user-agent"] = "has an option of its own, user_agent",
  ["content-type"] = "has an option of its own, content_type, at each call",
  ["idempotency-key"] = "has an option of its own, idempotency_key, at each call",
  ["accept-encoding"] = "follows from what the client can decompress",
  ["content-length"] = OF_THE_BODY,
  ["transfer-encoding"] = OF_THE_BODY,
  ["expect"] = OF_THE_BODY,
  ["connection"] = OF_THE_CONNECTION,
  ["keep-alive"] = OF_THE_CONNECTION,
  ["proxy-connection"] = OF_THE_CONNECTION,
  ["te"] = OF_THE_CONNECTION,
  ["trailer"] = OF_THE_CONNECTION,
  ["upgrade"] = OF_THE_CONNECTION,
  ["http2-settings"] = OF_THE_CONNECTION,
}

local function header_name(name)
  if type(name) ~= "string" then
    return 'headers must be named, as in { ["X-Name"] = "value" }, got ' .. describe(name)
      .. " as a name"
  end
  local at = name:find("[^%w!#$%%&'*+.^_`|~-]") -- RFC 9110, section 5.6.2: a token
  if name == "" or at then
    local fault = at and ("byte %d is \\x%02X"):format(at, name:byte(at)) or "it is empty"
    return "headers: a name must be a token of HTTP: " .. fault, true
  end
  local ours = OUR_HEADERS[name:lower()]
  return ours and ('headers must not set "%s": it %s'):format(name, ours)
end

local function header_value(name, value)
  if type(value) ~= "string" then
    return ("headers: the value of %s must be a string, got %s"):format(quoted(name),
      describe(value))
  end
  if #value > MAX_HEADER_BYTES then
    return ("headers: the value of %s must be at most %d bytes, got %s"):format(quoted(name),
      MAX_HEADER_BYTES, describe(value)), true
  end
  local at = value:find("[^\32-\126\128-\255]")
  if at then
    return ("headers: the value of %s must not hold control bytes: byte %d is \\x%02X"):format(
      quoted(name), at, value:byte(at)), true
  end
end

--- Lower-case name -> the line for the wire; an empty value in libcurl's spelling, `Name;`.
local function headers(value, row)
  if type(value) ~= "table" then return nil, must(row, row.rule, value) end
  local lines = {}
  for name, content in next, value do
    local problem, of_bytes = header_name(name)
    if not problem then problem, of_bytes = header_value(name, content) end
    if problem then return nil, problem, of_bytes end
    local folded = name:lower()
    if lines[folded] then return nil, ("headers sets %s twice"):format(quoted(folded)) end
    lines[folded] = content:find("[^ ]") and name .. ": " .. content or name .. ";"
  end
  return lines
end

-- Path parameters ---------------------------------------------------------------------------------

--- A number as a person writes it: 14, not 14.0 or 1.4e+01.
local function number_text(value)
  if value % 1 == 0 and math.abs(value) < 2 ^ 53 then return ("%.0f"):format(value) end
  if math.type and math.type(value) == "integer" then return ("%d"):format(value) end
  local short = ("%.14g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

local function param(name, value)
  if type(name) ~= "string" then return nil, "params must be named, as in { id = 7 }" end
  if type(value) == "number" and value == value and math.abs(value) < math.huge then
    return number_text(value)
  end
  if type(value) ~= "string" then
    return nil, ("params: %s must be a string or a finite number, got %s"):format(quoted(name),
      describe(value))
  end
  -- Either would address another resource than the path says: DELETE /contacts/{id} the whole list.
  if value == "" or value == "." or value == ".." then
    return nil, ('params: %s must not be empty, "." or ".."'):format(quoted(name)), true
  end
  return value
end

local function params(value, row)
  if type(value) ~= "table" then return nil, must(row, row.rule, value) end
  local filled = {}
  for name, content in next, value do
    local accepted, problem, of_bytes = param(name, content)
    if problem then return nil, problem, of_bytes end
    filled[name] = accepted
  end
  return filled
end

-- Schemas: rows by name, and the loop -------------------------------------------------------------

local function list_words(words)
  local parts = {}
  for i, name in ipairs(words) do parts[i] = ('"%s"'):format(name) end
  local last = table.remove(parts)
  return #parts > 0 and table.concat(parts, ", ") .. " or " .. last or last
end

local function complete(row, prefix)
  row.name, row.check = row[1], row[2]
  row.label = prefix and prefix .. "." .. row.name or row.name
  row.field = prefix and prefix .. "_" .. row.name or row.name
  if row.words then
    row.set = {}
    for _, name in ipairs(row.words) do row.set[name] = true end
    row.rule = list_words(row.words) .. (row.other_rule and " or " .. row.other_rule or "")
  end
  return row
end

local function schema(rows, extra, prefix)
  local made = { rows = {}, names = {}, defaults = {}, rules = extra.rules or {},
    notes = extra.notes or {}, elsewhere = extra.elsewhere or {} }
  for _, row in ipairs(rows) do
    complete(row, prefix)
    made.rows[row.name] = row
    made.names[#made.names + 1] = row.name
    if row.default ~= nil then made.defaults[row.field] = row.default end
  end
  return made
end

-- Names people know from other clients.
local SYNONYMS = {
  api_key = "key", apikey = "key", token = "key", api_token = "key", access_token = "key",
  url = "base_url", endpoint = "base_url", host = "base_url", retry = "retries",
  max_retries = "retries", connection_timeout = "connect_timeout", max_connections = "concurrency",
  ca = "ca_file", cacert = "ca_file", on_error = "on_event", idempotent = "idempotency_key",
}

local function unknown(made, name, prefix)
  if type(name) ~= "string" then
    return ("unknown option %s (options have names, as in { timeout = 10 })"):format(
      type(name) == "number" and describe(name) or "of type " .. type(name))
  end
  local shown = printable_name(name) and ('"%s%s"'):format(prefix or "", name)
    or "named by " .. quoted(name)
  local note = made.notes[name] or made.elsewhere[name]
  if note then return ("unknown option %s (%s)"):format(shown, note) end
  local synonym = SYNONYMS[name:lower()]
  local hint = made.rows[synonym] and (' (did you mean "%s"?)'):format(synonym)
    or did_you_mean(name, made.names)
  return "unknown option " .. shown .. hint
end

--- The one loop: reads `given` into `settings`, or returns the problem and whether it is of bytes.
local function read(made, given, settings, prefix)
  local rows = made.rows
  for name, value in next, given do
    local row = rows[name]
    if not row then return unknown(made, name, prefix) end
    local accepted, problem, of_bytes = row.check(value, row, settings)
    if problem then return problem, of_bytes end
    settings[row.field] = accepted
  end
  for _, rule in ipairs(made.rules) do
    local problem = rule(settings, given)
    if problem then return problem end
  end
end

--- A table option whose own options land beside the others, as `pace_limit`.
local function flat(prefix, rows, extra, result)
  local made = schema(rows, extra, prefix)
  return made, function(value, settings)
    local problem, of_bytes = read(made, value, settings, prefix .. ".")
    if problem then return nil, problem, of_bytes end
    return result
  end
end

-- The constructor's options -----------------------------------------------------------------------

local MAX_RETRIES = 20
local KEY = { types = { string = true, ["function"] = true }, rule = "a string or a function" }
local UNPRINTABLE = "[^\32-\126]"
local INVISIBLE = "[^\33-\126]"
local COUNT = 1e9

local function backoff_order(settings, given)
  local base, cap = settings.backoff_base, settings.backoff_cap
  if base <= cap then return nil end
  -- One given alone moves the other's default out of its way.
  if not given.base then settings.backoff_base = cap return nil end
  if not given.cap then settings.backoff_cap = base return nil end
  return ("backoff.base must be at most backoff.cap, got %s and %s"):format(describe(base),
    describe(cap))
end

local function reserve_fits(settings)
  local reserve, limit = settings.pace_reserve, settings.pace_limit
  if not limit or reserve < limit then return nil end
  return ("pace.reserve must be below pace.limit, got %s and %s"):format(describe(reserve),
    describe(limit))
end

local backoff, read_backoff = flat("backoff", {
  { "base", seconds, default = 0.5 },
  { "cap", seconds, default = 8 },
}, { rules = { backoff_order } })

local pace, read_pace = flat("pace", {
  { "scope", text, rule = "a name of visible ASCII", longest = 128, unwanted = INVISIBLE },
  { "shared", typed, types = { boolean = true }, rule = "a boolean", default = true },
  { "limit", integer, from = 1, to = COUNT },
  { "window", seconds },
  { "reserve", integer, from = 0, to = COUNT, default = 0 },
  { "spread", share, default = 0.25 },
}, { rules = { reserve_fits } }, "auto")

local function group(value, row, settings)
  if type(value) ~= "table" then return nil, must(row, row.rule, value) end
  return row.group(value, settings)
end

local function one_key_source(settings)
  return settings.key ~= nil and settings.key_file ~= nil
    and "key and key_file are both given: one of them is enough" or nil
end

local TLS_STAYS = "TLS verification cannot be turned off; ca_file names a CA of your own"

local CLIENT_NOTES = {
  verify = TLS_STAYS, ssl_verify = TLS_STAYS, insecure = TLS_STAYS, verify_peer = TLS_STAYS,
  ssl_verifypeer = TLS_STAYS, verify_host = TLS_STAYS,
  debug = 'did you mean log = "debug"?',
}

local function path_row(name)
  return { name, text, rule = "the path of a file" }
end

local CLIENT_ROWS = {
  { "key", typed, types = KEY.types, rule = KEY.rule },
  path_row "key_file",
  { "fallback_key", typed, types = KEY.types, rule = KEY.rule },
  { "base_url", text, rule = "a URL such as https://host/v1", shape = url_shape,
    unwanted = UNPRINTABLE },
  { "timeout", seconds, default = 10 },
  { "connect_timeout", seconds, default = 5 },
  { "deadline", seconds, default = 90 },
  { "retries", integer, from = 0, to = MAX_RETRIES, default = 3 },
  { "backoff", group, group = read_backoff, rule = "a table, as in { base = 0.5, cap = 8 }" },
  { "pace", word, words = { "auto", "off" }, other = "table", other_rule = "a table",
    group = read_pace, default = "auto" },
  { "priority", word, words = { "low", "normal", "high" }, default = "normal" },
  { "concurrency", integer, from = 1, to = 10000, default = 16 },
  { "headers", headers, rule = "a table of names and strings" },
  { "user_agent", text, rule = "visible ASCII", longest = 256, unwanted = UNPRINTABLE,
    shape = no_outer_space },
  path_row "ca_file",
  { "proxy", text, rule = 'a URL or "env"', shape = proxy_shape, unwanted = UNPRINTABLE },
  { "pinned_public_key", text, rule = '"sha256//" and 44 characters of base64, joined by ";"',
    shape = pin_shape, unwanted = INVISIBLE },
  { "max_response_bytes", integer, from = 1, to = 2 ^ 40, default = 67108864 },
  { "on_event", typed, types = { ["function"] = true }, rule = "a function" },
  { "log", word, words = { "off", "info", "debug" }, other = "function",
    other_rule = "a function(level, line)" },
  { "loop", word, words = { "auto", "blocking", "nginx", "haproxy", "uv", "cqueues", "copas" },
    other = "table", other_rule = "an adapter table", default = "auto" },
}

-- The options of a call ---------------------------------------------------------------------------

local positive = function(name) return { name, integer, from = 1, to = COUNT } end
local place = function(name)
  return { name, typed, types = { string = true, ["function"] = true },
    rule = "the name of a field or a function" }
end

local function start_at(value, row)
  if type(value) == "number" and value % 1 == 0 and value >= 0 and value < 2 ^ 53 then
    return number_text(value)
  end
  return text(value, row)
end

local paginate = schema({
  { "style", word, words = { "auto", "cursor", "page", "offset", "link" }, default = "auto" },
  place "items",
  { "param", text, rule = "the name of a query parameter", longest = 128 },
  place "next",
  positive "per_page",
  positive "max_pages",
  positive "max_items",
  { "start", start_at, rule = "page.next of an earlier run" },
}, {})
for _, row in next, paginate.rows do row.label = "paginate." .. row.name end

local function fill(settings, defaults)
  for field, value in next, defaults do
    if settings[field] == nil then settings[field] = value end
  end
  return settings
end

local function read_paginate(value)
  local settings = fill({}, paginate.defaults)
  local problem, of_bytes = read(paginate, value, settings, "paginate.")
  if problem then return nil, problem, of_bytes end
  return settings
end

local CALL_ROWS = {
  { "params", params, rule = "a table of names and values" },
  { "headers", headers, rule = "a table of names and strings" },
  { "content_type", text, rule = "a media type in visible ASCII", longest = 256,
    unwanted = UNPRINTABLE, shape = no_outer_space },
  { "idempotency_key", text, rule = "visible ASCII or false", longest = 255,
    unwanted = UNPRINTABLE, shape = no_outer_space, also_false = true },
  { "timeout", seconds },
  { "deadline", seconds },
  { "retries", integer, from = 0, to = MAX_RETRIES },
  { "priority", word, words = { "low", "normal", "high" } },
  { "decode", typed, types = { boolean = true }, rule = "a boolean" },
  { "paginate", group, group = read_paginate, rule = "a table" },
}

-- The parts of a request --------------------------------------------------------------------------

local METHODS = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" }
local WITHOUT_BODY = { GET = true, HEAD = true }

local function body_fits(settings)
  if settings.body == nil then return nil end
  if not settings.method then return "method must be given with a body" end
  if WITHOUT_BODY[settings.method] then return settings.method .. " carries no body" end
  if type(settings.body) == "string" and not settings.content_type then
    return "content_type must be given with a body that is a string"
  end
end

local function path_given(settings)
  return settings.path == nil and "path must be given" or nil
end

local TABLE_OR_STRING = { table = true, string = true }

local REQUEST_ROWS = {
  { "method", word, words = METHODS },
  { "path", typed, types = { string = true }, rule = "a string" },
  { "query", typed, types = TABLE_OR_STRING, rule = "a table or an encoded string" },
  { "body", typed, types = TABLE_OR_STRING, rule = "a table, or a string with content_type" },
}

local function names_to(rows, note)
  local notes = {}
  for _, row in ipairs(rows) do notes[row[1]] = note end
  return notes
end

local client = schema(CLIENT_ROWS, {
  rules = { one_key_source }, notes = CLIENT_NOTES,
  elsewhere = names_to(CALL_ROWS, "it is an option of a call, not of the client"),
})
for _, nested in ipairs { backoff, pace } do fill(client.defaults, nested.defaults) end

local call = schema(CALL_ROWS, {
  notes = names_to(REQUEST_ROWS, "it goes in beside the options, or into tm:request{...}"),
  elsewhere = names_to(CLIENT_ROWS, "it is an option of trailmark.new, not of a call"),
})

local function request_rows()
  local rows = {}
  for _, list in ipairs { REQUEST_ROWS, CALL_ROWS } do
    for _, row in ipairs(list) do rows[#rows + 1] = row end
  end
  return rows
end

local request = schema(request_rows(), {
  rules = { path_given, body_fits },
  elsewhere = names_to(CLIENT_ROWS, "it is an option of trailmark.new, not of a call"),
})

-- The functions of this module --------------------------------------------------------------------

local function raise(what, problem, level)
  error(("%s: %s"):format(what, problem), (level or 2) + 2)
end

local function not_a_table(what, value)
  local where = what == "trailmark.new" and type(value) == "string"
    and "; a key goes in as { key = ... }" or ""
  return ("options must be a table, got %s%s"):format(describe(value), where)
end

--- The constructor's settings: flat, defaults filled, nested options as `backoff_base`, `pace_limit`.
-- What the environment may still give (`key`, `key_file`, `base_url`, `log`) is nil where not given.
---@param opts? trailmark.Options
---@param level? integer
---@return table settings
function options.client(opts, level)
  local what = "trailmark.new"
  if opts == nil then opts = {} end
  if type(opts) ~= "table" then raise(what, not_a_table(what, opts), level) end
  local settings = fill({}, client.defaults)
  local problem = read(client, opts, settings)
  if problem then raise(what, problem, level) end
  return settings
end

--- The settings of one call; nil for nil.
---@param opts? trailmark.CallOptions
---@param level? integer
---@param what? string  the function in the caller's words, "tm:get"
---@return table|nil settings
---@return string|nil problem  bytes that cannot be sent: kind "argument"
function options.call(opts, level, what)
  if opts == nil then return nil end
  what = what or "options"
  if type(opts) ~= "table" then raise(what, not_a_table(what, opts), level) end
  local settings = {}
  local problem, of_bytes = read(call, opts, settings)
  if not problem then return settings end
  if of_bytes then return nil, problem end
  raise(what, problem, level)
end

--- The settings of tm:request{...}: those of a call with `method`, `path`, `query` and `body`.
---@param spec trailmark.Request
---@param level? integer
---@param what? string  default "tm:request"
---@return table|nil settings
---@return string|nil problem  bytes that cannot be sent: kind "argument"
function options.request(spec, level, what)
  what = what or "tm:request"
  if type(spec) ~= "table" then raise(what, not_a_table(what, spec), level) end
  local settings = {}
  local problem, of_bytes = read(request, spec, settings)
  if not problem then
    settings.method = settings.method or "GET"
    return settings
  end
  if of_bytes then return nil, problem end
  raise(what, problem, level)
end

--- The name of a call's option that a query or body holds, or nil.
---@param value any
---@return string|nil
function options.looks_like_opts(value)
  if type(value) ~= "table" then return nil end
  local names = call.names
  for i = 1, #names do
    if rawget(value, names[i]) ~= nil then return names[i] end
  end
  return nil
end

local function part_problem(path, name, value, opts)
  if type(path) ~= "string" then return must(request.rows.path, "a string", path) end
  if value == nil then return nil end
  local row = request.rows[name]
  if not row.types[type(value)] then return must(row, row.rule, value) end
  local found = opts == nil and options.looks_like_opts(value)
  if found then
    return ("the %s holds %q, an option's name: did you mean opts? They come after the %s;"
      .. " an empty table there says it was meant"):format(name, found, name)
  end
  if name == "body" and type(value) == "string" and not (opts and rawget(opts, "content_type")) then
    return "content_type must be given with a body that is a string"
  end
end

--- Checks the positional arguments of a verb: `tm:get(path, query, opts)`, `tm:post(path, body, opts)`.
-- Call it after `options.call`, with the caller's own `opts`.
---@param path any
---@param name "query"|"body"  what `value` is
---@param value any
---@param opts? table
---@param level? integer
---@param what? string
function options.arguments(path, name, value, opts, level, what)
  local problem = part_problem(path, name, value, opts)
  if problem then raise(what or "tm", problem, level) end
end

-- The environment ---------------------------------------------------------------------------------

--- Which variable stands in for which option.
---@type table<string, string>
options.variables = {
  key = "TRAILMARK_API_KEY", key_file = "TRAILMARK_API_KEY_FILE",
  base_url = "TRAILMARK_BASE_URL", log = "TRAILMARK_LOG",
}

local LAST_RESORT = { base_url = "https://api.trailmark.com/v1", log = "off" }

local function from_variable(settings, name, getenv)
  local value = getenv(options.variables[name])
  if settings[name] ~= nil or value == nil or value == "" then return nil end
  local row = client.rows[name]
  local accepted, problem = row.check(value, row, settings)
  if problem then return options.variables[name] .. ": " .. problem end
  settings[name] = accepted
  settings[name .. "_variable"] = options.variables[name]
end

--- Fills what the options left open from the environment, then from the last defaults.
-- An empty variable counts as unset. `<name>_variable` tells which came from there.
---@param settings table        of options.client; filled in place
---@param getenv? fun(name: string): string|nil
---@return true|nil
---@return string|nil problem   kind "config"
---@return string|nil option    the option at fault
function options.environment(settings, getenv)
  getenv = getenv or os.getenv
  local names = { "base_url", "log" }
  if settings.key == nil and settings.key_file == nil then
    names = { "base_url", "log", "key", "key_file" }
  end
  for _, name in ipairs(names) do
    local problem = from_variable(settings, name, getenv)
    if problem then return nil, problem, name end
  end
  if settings.key ~= nil and settings.key_file ~= nil then
    return nil, ("%s and %s are both set: one of them is enough"):format(options.variables.key,
      options.variables.key_file), "key"
  end
  fill(settings, LAST_RESORT)
  return true
end

return options
