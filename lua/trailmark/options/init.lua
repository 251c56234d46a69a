--- What a caller may pass: the schemas of all that takes options, and the functions that read them.
--
-- The rows are in client.lua, call.lua and batch.lua, the loop that reads them is in schema.lua.
-- A caller's mistake (unknown name, wrong type, out of range) raises a string with the caller's
-- position. What is only found out from the bytes of one call's values (a control byte in a header)
-- comes back as `nil, problem` instead: the call then fails with kind "argument".
-- The caller's tables are read with `next` and never changed; the settings returned are fresh.
--
-- `level` is as for `error` in the function that calls us: 2, its caller, unless told otherwise.

local checks = require "trailmark.checks"
local environment = require "trailmark.options.environment"
local rows_of_batch = require "trailmark.options.batch"
local rows_of_call = require "trailmark.options.call"
local rows_of_client = require "trailmark.options.client"
local schema = require "trailmark.options.schema"

local options = {}

-- The schemas -------------------------------------------------------------------------------------

local OF_A_CALL = "it is an option of a call, not of the client"
local OF_THE_CLIENT = "it is an option of trailmark.new, not of a call"
local OF_LISTS = "it is an option of tm:pages, tm:each, tm:collect and tm:pager"
local NOT_AN_OPTION = "it goes in beside the options, or into tm:request{...}"
local OF_PAGINATE = "it goes into the option paginate, of lists"

local client = schema.new(rows_of_client.rows, {
  rules = rows_of_client.rules,
  notes = schema.note_all(schema.fill({ paginate = OF_LISTS }, rows_of_client.notes),
    rows_of_call.rows, OF_A_CALL),
})
schema.fill(client.defaults, rows_of_client.defaults)

local function call_notes(paginate_note)
  local notes = { paginate = paginate_note }
  for _, name in ipairs(rows_of_call.paginate.names) do notes[name] = OF_PAGINATE end
  schema.note_all(notes, rows_of_client.rows, OF_THE_CLIENT)
  return schema.note_all(notes, rows_of_call.parts, NOT_AN_OPTION)
end

local call = schema.new(rows_of_call.rows, { notes = call_notes(OF_LISTS) })

local pages = schema.new(schema.joined(rows_of_call.rows, { rows_of_call.paginate_row }), {
  notes = call_notes(),
})

local request = schema.new(schema.joined(rows_of_call.parts, rows_of_call.rows), {
  rules = { rows_of_call.parts_fit },
  notes = schema.note_all({ paginate = OF_LISTS }, rows_of_client.rows, OF_THE_CLIENT),
})

local batch = schema.new(rows_of_batch.rows, { notes = schema.note_all({}, rows_of_call.rows,
  "it goes into the call that the function returns") })

--- Class of the annotations -> the names that it may hold, for whoever compares the two.
options.names = {
  ["trailmark.Backoff"] = rows_of_client.backoff.names,
  ["trailmark.Pace"] = rows_of_client.pace.names,
  ["trailmark.Options"] = client.names, ["trailmark.CallOptions"] = call.names,
  ["trailmark.Paginate"] = rows_of_call.paginate.names, ["trailmark.PageOptions"] = pages.names,
  ["trailmark.Request"] = request.names, ["trailmark.BatchOptions"] = batch.names,
}

-- The functions of this module --------------------------------------------------------------------

local function raise(what, problem, level)
  error(("%s: %s"):format(what, problem), (level or 2) + 2)
end

local CALLED_WITH_A_COLON = "called with a colon, where a dot belongs: trailmark.new { ... }"

local function not_a_table(what, value)
  local where = what == "trailmark.new" and type(value) == "string"
    and "; a key goes in as { key = ... }" or ""
  return ("options must be a table, got %s%s"):format(checks.describe(value), where)
end

--- The constructor's settings: flat, defaults filled, nested ones as `backoff_base`, `pace_limit`.
-- What the environment may still give (`key`, `key_file`, `base_url`, `log`) is nil if not given.
---@param opts? trailmark.Options
---@param level? integer
---@return table settings
function options.client(opts, level)
  local what = "trailmark.new"
  if opts == nil then opts = {} end
  if opts == package.loaded.trailmark then raise(what, CALLED_WITH_A_COLON, level) end
  if type(opts) ~= "table" then raise(what, not_a_table(what, opts), level) end
  local settings = schema.fill({}, client.defaults)
  local problem = schema.read(client, opts, settings)
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
  local problem, of_bytes = schema.read(call, opts, settings)
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
    local problem, of_bytes = schema.read(pages, opts, settings)
    if of_bytes then return nil, problem end
    if problem then raise(what or "options", problem, level) end
  end
  settings.paginate = settings.paginate or schema.fill({}, rows_of_call.paginate.defaults)
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
  local problem, of_bytes = schema.read(request, spec, settings)
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
  local settings = schema.fill({}, batch.defaults)
  local problem = schema.read(batch, opts, settings)
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
  if type(path) ~= "string" then return checks.must(request.rows.path, "a string", path) end
  if value == nil then return nil end
  local row = request.rows[name]
  if not row.types[type(value)] then return checks.must(row, row.rule, value) end
  local found = opts == nil and options.looks_like_opts(value)
  if found then
    return ("the %s holds %q, an option's name: did you mean opts? They come after the %s;"
      .. " an empty table there says it was meant"):format(name, found, name)
  end
  if name == "body" and type(value) == "string" and not (opts and rawget(opts, "content_type")) then
    return rows_of_call.NO_CONTENT_TYPE
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

--- Which variable stands in for which option.
---@type table<string, string>
options.variables = environment.variables

--- Fills what the options left open from the environment (environment.lua).
---@param settings table        of options.client; filled in place
---@param getenv? fun(name: string): string|nil
---@return true|nil
---@return string|nil problem   kind "config"
---@return string|nil option    the option at fault
function options.environment(settings, getenv)
  return environment.fill(client.rows, settings, getenv)
end

return options
