--- What a caller may pass, option by option: one row each, one loop for all.
--
-- A caller's mistake (unknown name, wrong type, out of range) raises a string with the caller's
-- position. What is only found out from the bytes of one call's values (a control byte in a header)
-- comes back as `nil, problem` instead: the call then fails with kind "argument".
-- The caller's tables are read with `next` and never changed; the settings returned are fresh.
--
-- `level` is as for `error` in the function that calls us: 2, its caller, unless told otherwise.

local adapter = require "trailmark.loop.adapter"
local checks = require "trailmark.checks"
local header_lines = require "trailmark.header_lines"

local options = {}

--- Who stops first when the rate limit is near: "low" while less than a fifth of the window is
-- left; "high" may use the reserve.
---@alias trailmark.Priority "low"|"normal"|"high"

--- Returns a key and, where it will expire, the seconds until it is asked for again as the third
-- value; or nil and what is wrong. It runs in the coroutine of one who waits for a call, or in one
-- of the loop's where nobody does, may yield there, and runs once at a time.
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
---@field proxy? string             a URL, or "env": the environment's; none where it is not given
---@field pinned_public_key? string  "sha256//..." of libcurl, several joined by ";"
---@field max_response_bytes? integer  of the decoded body, default 67108864 (64 MiB)
---@field on_event? fun(event: trailmark.Event)  is told what happens, as it happens
---@field log? "off"|"info"|"debug"|fun(level: string, line: string)  a line to stderr, or to a
---  function, for each retry, long wait and change of key; "debug" for each request as well;
---  TRAILMARK_LOG, else "off"
---@field loop? "auto"|"blocking"|"nginx"|"haproxy"|"uv"|"cqueues"|"copas"|trailmark.Loop  the event
---  loop to wait in, default "auto"

--- How a list is divided into pages. In most cases "auto" finds out.
---@class trailmark.Paginate
---@field style? "auto"|"cursor"|"page"|"offset"|"link"  how a page is asked for, default "auto"
---@field items? string|fun(body: any): table       where a page's items are
---@field param? string                             the query parameter that asks for a page
---@field next? string|fun(body: any): string|nil   where the next page is told
---@field per_page? integer                         items of a page, asked for from the server
---@field max_pages? integer                        ends the list after so many
---@field max_items? integer                        ends the list after so many
---@field start? string|integer                     page.next of an earlier run

--- The options of a call; each goes before the client's option of that name.
---@class trailmark.CallOptions
---@field params? table<string, string|number>  fill the path's {names}; a number as its digits
---@field headers? table<string, string>        added to the client's, or in place of them
---@field content_type? string                  of a body that is a string
---@field idempotency_key? string|false         false sends none; a fresh one for each POST and
---  PATCH where it is not given
---@field timeout? number                       seconds for one attempt
---@field deadline? number                      seconds for the whole call
---@field retries? integer                      after the first attempt, 0..20
---@field priority? trailmark.Priority          who stops first when the rate limit is near
---@field decode? boolean                       false gives the bytes, which over TLS have to tell
---  their end: by Content-Length, chunks or gzip

--- The options of a list: those of its calls, and how it is divided into pages.
---@class trailmark.PageOptions: trailmark.CallOptions
---@field paginate? trailmark.Paginate  how it is divided into pages

--- A call as `tm:request`, `tm:send`, `tm:all` and `tm:map` take it, its options beside its parts.
---@class trailmark.Request: trailmark.CallOptions
---@field method? "GET"|"HEAD"|"POST"|"PUT"|"PATCH"|"DELETE"  "GET" where it is not given
---@field path string          relative to base_url, or an absolute URL of its origin
---@field query? table|string  strings, numbers and booleans by name, or encoded already
---@field body? table|string   a table is sent as JSON; a string wants content_type

--- The options of `tm:map`.
---@class trailmark.BatchOptions
---@field concurrency? integer   calls at a time, at most those of the client
---@field batch_deadline? number  seconds for all: then calls under way end as "timeout"
---@field on_progress? fun(progress: trailmark.Progress)  after each result
---@field on_result? fun(result: trailmark.Result, item: any, i: integer)  for each, as it comes
---@field stop_when? fun(result: trailmark.Result): boolean  true begins no more
---@field keep? "all"|"failed"|"none"  which of the results are returned, default "all"

local seconds, integer, typed = checks.seconds, checks.integer, checks.typed
local text, word, group = checks.text, checks.word, checks.group
local must, quoted, describe = checks.must, checks.quoted, checks.describe

-- Schemas: rows by name, and the loop -------------------------------------------------------------
-- A row: its name, its check, what that check needs, and `default` where there is one.

--- `"a", "b" or "c"`, with `other` last where there is one.
local function one_of(words, other)
  local parts = {}
  for i, name in ipairs(words) do parts[i] = '"' .. name .. '"' end
  parts[#parts + 1] = other
  local last = table.remove(parts)
  return table.concat(parts, ", ") .. " or " .. last
end

local function complete(row, within, flat)
  row.name, row.check = row[1], row[2]
  row.label = within and within .. "." .. row.name or row.name
  row.field = flat and within .. "_" .. row.name or row.name
  if row.words then
    row.known = {}
    for _, name in ipairs(row.words) do row.known[name] = true end
    row.rule = one_of(row.words, row.other_rule)
  end
end

--- Rows as the loop wants them. `about` may hold `rules` (what must hold between options: settings,
--- given -> problem), `notes` on names that are not options here, `within` (the option whose table
--- this is) and `flat` (its settings stand beside the others, as `pace_limit`).
local function schema(rows, about)
  local made = {
    rows = {}, names = {}, defaults = {}, rules = about.rules or {}, notes = about.notes or {},
    within = about.within and about.within .. "." or "",
  }
  for i, row in ipairs(rows) do
    complete(row, about.within, about.flat)
    made.rows[row.name], made.names[i] = row, row.name
    if row.default ~= nil then made.defaults[row.field] = row.default end
  end
  return made
end

-- Names people know from other clients.
local SYNONYMS = {
  api_key = "key", apikey = "key", token = "key", api_token = "key", access_token = "key",
  url = "base_url", endpoint = "base_url", host = "base_url", retry = "retries",
  max_retries = "retries", connection_timeout = "connect_timeout", max_connections = "concurrency",
  ca = "ca_file", cacert = "ca_file", on_error = "on_event",
}

local function unknown(made, name)
  if type(name) ~= "string" then
    local shown = type(name) == "number" and describe(name) or "of type " .. type(name)
    return ("unknown option %s%s (options have names, as in { timeout = 10 })"):format(made.within,
      shown)
  end
  local shown = quoted(name)
  shown = shown:find('^"') and '"' .. made.within .. shown:sub(2) or "named by " .. shown
  local note, synonym = made.notes[name], SYNONYMS[name:lower()]
  if note then return ("unknown option %s (%s)"):format(shown, note) end
  return ("unknown option %s%s"):format(shown,
    made.rows[synonym] and checks.did_you_mean(synonym, { synonym })
      or checks.did_you_mean(name, made.names))
end

--- The one loop: reads `given` into `settings`, or returns the problem and whether it is of bytes.
local function read(made, given, settings)
  local rows = made.rows
  for name, value in next, given do
    local row = rows[name]
    if not row then return unknown(made, name) end
    local types = row.types
    if types and types[type(value)] then
      settings[row.field] = value -- as the check would say, which most options so do without
    else
      local accepted, problem, of_bytes = row.check(value, row, settings)
      if problem then return problem, of_bytes end
      settings[row.field] = accepted
    end
  end
  local rules = made.rules
  for i = 1, #rules do
    local problem = rules[i](settings, given)
    if problem then return problem end
  end
end

local function fill(settings, defaults)
  for field, value in next, defaults do
    if settings[field] == nil then settings[field] = value end
  end
  return settings
end

--- Reads a table option whose settings stand beside the others; `result` stands for the table.
local function beside(made, result)
  return function(value, settings)
    local problem, of_bytes = read(made, value, settings)
    if problem then return nil, problem, of_bytes end
    return result
  end
end

--- Reads a table option into a fresh table of its own.
local function apart(made)
  return function(value)
    local settings = fill({}, made.defaults)
    local problem, of_bytes = read(made, value, settings)
    if problem then return nil, problem, of_bytes end
    return settings
  end
end

-- The constructor's options -----------------------------------------------------------------------

local MAX_RETRIES = 20
local MANY = 1e9
local BOOLEAN = { boolean = true }
local STRING_OR_FUNCTION = { string = true, ["function"] = true }

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

local backoff = schema({
  { "base", seconds, default = 0.5 },
  { "cap", seconds, default = 8 },
}, { within = "backoff", flat = true, rules = { backoff_order } })

local pace = schema({
  { "scope", text, rule = "a name of visible ASCII", longest = 128, unwanted = checks.NOT_VISIBLE },
  { "shared", typed, types = BOOLEAN, rule = "a boolean", default = true },
  { "limit", integer, from = 1, to = MANY },
  { "window", seconds },
  { "reserve", integer, from = 0, to = MANY, default = 0 },
  { "spread", checks.share, default = 0.25 },
}, { within = "pace", flat = true, rules = { reserve_fits } })

local function one_key_source(settings)
  if settings.key == nil or settings.key_file == nil then return nil end
  return "key and key_file are both given: one of them is enough"
end

local function key_row(name)
  return { name, typed, types = STRING_OR_FUNCTION, rule = "a string or a function" }
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

local CLIENT_ROWS = {
  key_row "key",
  path_row "key_file",
  key_row "fallback_key",
  { "base_url", text, rule = "a URL such as https://host/v1", shape = checks.base_url_shape,
    unwanted = checks.NOT_ASCII },
  { "timeout", seconds, default = 10 },
  { "connect_timeout", seconds, default = 5 },
  { "deadline", seconds, default = 90 },
  { "retries", integer, from = 0, to = MAX_RETRIES, default = 3 },
  { "backoff", group, read = beside(backoff), rule = "a table, as in { base = 0.5, cap = 8 }" },
  { "pace", word, words = { "auto", "off" }, other = "table", other_rule = "a table",
    read = beside(pace, "auto"), default = "auto" },
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
  { "on_event", typed, types = { ["function"] = true }, rule = "a function" },
  { "log", word, words = { "off", "info", "debug" }, other = "function",
    other_rule = "a function(level, line)" },
  { "loop", word, words = { "auto", "blocking", "nginx", "haproxy", "uv", "cqueues", "copas" },
    other = "table", other_rule = "an adapter table", read = checked_adapter, default = "auto" },
}

-- The options of a call ---------------------------------------------------------------------------

local function count_row(name)
  return { name, integer, from = 1, to = MANY }
end

local function place_row(name)
  return { name, typed, types = STRING_OR_FUNCTION, rule = "the name of a field or a function" }
end

--- page.next is a string in every style; a number is as good where a person begins at one.
local function start_at(value, row)
  if type(value) == "number" and value % 1 == 0 and value >= 0 and value < 2 ^ 53 then
    return ("%.0f"):format(value)
  end
  return text(value, row)
end

local paginate = schema({
  { "style", word, words = { "auto", "cursor", "page", "offset", "link" }, default = "auto" },
  place_row "items",
  { "param", text, rule = "the name of a query parameter", longest = 128 },
  place_row "next",
  count_row "per_page",
  count_row "max_pages",
  count_row "max_items",
  { "start", start_at, rule = "page.next of an earlier run", longest = 16384 },
}, { within = "paginate" })

local function param_problem(name, value)
  if type(name) ~= "string" then return "params must be named, as in { id = 7 }" end
  if type(value) == "string" or checks.is_finite(value) then return nil end
  return ("params: %s must be a string or a finite number, got %s"):format(quoted(name),
    describe(value))
end

--- A copy: what a value may hold is for the path to say, which it becomes part of.
local function params(value, row)
  if type(value) ~= "table" then return nil, must(row, row.rule, value) end
  local copy = {}
  for name, content in next, value do
    local problem = param_problem(name, content)
    if problem then return nil, problem end
    copy[name] = content
  end
  return copy
end

local CALL_ROWS = {
  { "params", params, rule = "a table of names and values" },
  { "headers", header_lines, rule = "a table of names and strings" },
  { "content_type", text, rule = "a media type in visible ASCII", longest = 256,
    unwanted = checks.NOT_ASCII, shape = checks.no_outer_space },
  { "idempotency_key", text, rule = "visible ASCII without spaces, or false", longest = 255,
    unwanted = checks.NOT_VISIBLE, may_be_false = true },
  { "timeout", seconds },
  { "deadline", seconds },
  { "retries", integer, from = 0, to = MAX_RETRIES },
  { "priority", word, words = { "low", "normal", "high" } },
  { "decode", typed, types = BOOLEAN, rule = "a boolean" },
}

local PAGINATE_ROW = { "paginate", group, read = apart(paginate), rule = "a table" }

-- The options of tm:map ---------------------------------------------------------------------------

local function hook_row(name)
  return { name, typed, types = { ["function"] = true }, rule = "a function" }
end

local BATCH_ROWS = {
  { "concurrency", integer, from = 1, to = 10000 },
  { "batch_deadline", seconds },
  hook_row "on_progress",
  hook_row "on_result",
  hook_row "stop_when",
  { "keep", word, words = { "all", "failed", "none" }, default = "all" },
}

-- The parts of a request --------------------------------------------------------------------------

local TABLE_OR_STRING = { table = true, string = true }
local WITHOUT_BODY = { GET = true, HEAD = true }
local NO_CONTENT_TYPE = "content_type must be given with a body that is a string"

local function parts_fit(settings)
  if settings.path == nil then return "path must be given" end
  if settings.body == nil then return nil end
  if not settings.method then return "method must be given with a body" end
  if WITHOUT_BODY[settings.method] then return settings.method .. " carries no body" end
  if type(settings.body) == "string" and not settings.content_type then return NO_CONTENT_TYPE end
end

local PART_ROWS = {
  { "method", word, words = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } },
  { "path", typed, types = { string = true }, rule = "a string" },
  { "query", typed, types = TABLE_OR_STRING, rule = "a table or an encoded string" },
  { "body", typed, types = TABLE_OR_STRING, rule = "a table, or a string with content_type" },
}

-- The schemas -------------------------------------------------------------------------------------

local function note_all(notes, rows, note)
  for _, row in ipairs(rows) do notes[row[1]] = note end
  return notes
end

local function joined(...)
  local all = {}
  for _, rows in ipairs { ... } do
    for _, row in ipairs(rows) do all[#all + 1] = row end
  end
  return all
end

local TLS_STAYS = "TLS verification cannot be turned off; ca_file names a CA of your own"
local OF_A_CALL = "it is an option of a call, not of the client"
local OF_THE_CLIENT = "it is an option of trailmark.new, not of a call"
local OF_LISTS = "it is an option of tm:pages, tm:each, tm:collect and tm:pager"
local NOT_AN_OPTION = "it goes in beside the options, or into tm:request{...}"

local client = schema(CLIENT_ROWS, {
  rules = { one_key_source },
  notes = note_all({
    verify = TLS_STAYS, ssl_verify = TLS_STAYS, verify_peer = TLS_STAYS, verify_host = TLS_STAYS,
    ssl_verifypeer = TLS_STAYS, insecure = TLS_STAYS, debug = 'did you mean log = "debug"?',
    paginate = OF_LISTS,
  }, CALL_ROWS, OF_A_CALL),
})
fill(fill(client.defaults, backoff.defaults), pace.defaults)

local function call_notes(paginate_note)
  local notes = note_all({ paginate = paginate_note }, CLIENT_ROWS, OF_THE_CLIENT)
  return note_all(notes, PART_ROWS, NOT_AN_OPTION)
end

local call = schema(CALL_ROWS, { notes = call_notes(OF_LISTS) })

local pages = schema(joined(CALL_ROWS, { PAGINATE_ROW }), { notes = call_notes() })

local request = schema(joined(PART_ROWS, CALL_ROWS), {
  rules = { parts_fit },
  notes = note_all({ paginate = OF_LISTS }, CLIENT_ROWS, OF_THE_CLIENT),
})

local batch = schema(BATCH_ROWS, { notes = note_all({}, CALL_ROWS,
  "it goes into the call that the function returns") })

--- Class of the annotations -> the names that it may hold, for whoever compares the two.
options.names = {
  ["trailmark.Backoff"] = backoff.names, ["trailmark.Pace"] = pace.names,
  ["trailmark.Options"] = client.names, ["trailmark.CallOptions"] = call.names,
  ["trailmark.Paginate"] = paginate.names, ["trailmark.PageOptions"] = pages.names,
  ["trailmark.Request"] = request.names, ["trailmark.BatchOptions"] = batch.names,
}

-- The functions of this module --------------------------------------------------------------------

local function raise(what, problem, level)
  error(("%s: %s"):format(what, problem), (level or 2) + 2)
end

local function not_a_table(what, value)
  local where = what == "trailmark.new" and type(value) == "string"
    and "; a key goes in as { key = ... }" or ""
  return ("options must be a table, got %s%s"):format(describe(value), where)
end

--- The constructor's settings: flat, defaults filled, nested ones as `backoff_base`, `pace_limit`.
-- What the environment may still give (`key`, `key_file`, `base_url`, `log`) is nil if not given.
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

--- The settings of a list: those of a call with `paginate`, which is filled where it was not given.
---@param opts? trailmark.PageOptions
---@param level? integer
---@param what? string
---@return table|nil settings
---@return string|nil problem  bytes that cannot be sent: kind "argument"
function options.pages(opts, level, what)
  local settings = {}
  if opts ~= nil then
    if type(opts) ~= "table" then raise(what or "options", not_a_table(what, opts), level) end
    local problem, of_bytes = read(pages, opts, settings)
    if of_bytes then return nil, problem end
    if problem then raise(what or "options", problem, level) end
  end
  settings.paginate = settings.paginate or fill({}, paginate.defaults)
  return settings
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
  local settings = { method = nil, path = nil, query = nil, body = nil } -- room for these
  local problem, of_bytes = read(request, spec, settings)
  if not problem then
    settings.method = settings.method or "GET"
    return settings
  end
  if of_bytes then return nil, problem end
  raise(what, problem, level)
end

--- The settings of tm:map.
---@param opts? trailmark.BatchOptions
---@param level? integer
---@return table
function options.batch(opts, level)
  local what = "tm:map"
  if opts == nil then opts = {} end
  if type(opts) ~= "table" then raise(what, not_a_table(what, opts), level) end
  local settings = fill({}, batch.defaults)
  local problem = read(batch, opts, settings)
  if problem then raise(what, problem, level) end
  return settings
end

--- The name of a call's option that a query or body holds, or nil.
---@param value any
---@return string|nil
function options.looks_like_opts(value)
  if type(value) ~= "table" then return nil end
  local names, plain = pages.names, getmetatable(value) == nil
  for i = 1, #names do
    local name = names[i]
    -- This runs in every call with a query, and plain indexing takes half the time of rawget.
    if plain and value[name] ~= nil or not plain and rawget(value, name) ~= nil then return name end
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
    return NO_CONTENT_TYPE
  end
end

--- Checks a verb's own arguments: `tm:get(path, query, opts)`, `tm:post(path, body, opts)`.
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
