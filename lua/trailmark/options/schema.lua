--- A table of options as rows, one an option, and the one loop that reads what a caller gave.
--
-- A row: its name, its check (checks.lua), what that check needs, and `default` where there is one.

local checks = require "trailmark.checks"

local quoted, describe = checks.quoted, checks.describe

local schema = {}

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
---@param rows table[]
---@param about table
---@return table
function schema.new(rows, about)
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
---@param made table
---@param given table
---@param settings table
---@return string|nil problem
---@return boolean|nil of_bytes
function schema.read(made, given, settings)
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

--- What was not given becomes its default.
function schema.fill(settings, defaults)
  for field, value in next, defaults do
    if settings[field] == nil then settings[field] = value end
  end
  return settings
end

--- Reads a table option whose settings stand beside the others; `result` stands for the table.
function schema.beside(made, result)
  return function(value, settings)
    local problem, of_bytes = schema.read(made, value, settings)
    if problem then return nil, problem, of_bytes end
    return result
  end
end

--- Reads a table option into a fresh table of its own.
function schema.apart(made)
  return function(value)
    local settings = schema.fill({}, made.defaults)
    local problem, of_bytes = schema.read(made, value, settings)
    if problem then return nil, problem, of_bytes end
    return settings
  end
end

--- The same note on the name of each row.
function schema.note_all(notes, rows, note)
  for _, row in ipairs(rows) do notes[row[1]] = note end
  return notes
end

--- All rows of several lists.
function schema.joined(...)
  local all = {}
  for _, rows in ipairs { ... } do
    for _, row in ipairs(rows) do all[#all + 1] = row end
  end
  return all
end

return schema
