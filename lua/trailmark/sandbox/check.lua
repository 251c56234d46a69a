-- Checks what a caller hands to the sandbox. A mistake raises a string with the
-- position of the caller's own call, which names the field and the nearest
-- known one. The caller's tables are read, never changed.

local nearest = require("trailmark.nearest")
local parts = require("trailmark.sandbox.server.script").parts

local check = {}

--- What a key may do.
---@alias trailmark.sandbox.Scope "read:workspace"|"read:write:workspace"|"admin:full"

--- What `start` takes; all are optional.
---@class trailmark.sandbox.Options
---@field limit integer? requests in a window, default 600
---@field window number? seconds, default 60; a window begins with the first request that spends
---@field https boolean? HTTPS with HTTP/2 under a fresh certificate; default HTTP only
---@field contacts integer? how many contacts there are at the start, default 0
---@field scope trailmark.sandbox.Scope? of `key`, default "admin:full"
---@field reset_rounding "up"|"down"|"nearest"? of X-RateLimit-Reset, default "up"
---@field date_skew number? seconds by which the server's clock (Date, Reset) is ahead, default 0
---@field log_limit integer? requests kept in the log between two resets, default 100,000
---@field nginx string? path of the nginx to use; default: the first usable one found

--- A step of a script: how coming requests are answered.
---@class trailmark.sandbox.Step
---@field status integer? answer with this status instead of acting
---@field headers table<string, string|number|string[]|false>? set on the answer, a number as its
---  digits; false removes
---@field body string|table? of the answer, with status 200 unless given; a table is sent as JSON
---@field delay number? seconds before the request acts and is answered
---@field fault "reset"|"truncate"? break the connection: before the answer, or within its body
---@field date_skew number? the server's clock for this answer, seconds ahead
---@field match string? "POST /contacts", "/contacts/*", "GET"; default "*": every request
---@field times number? how many requests, default 1; math.huge: all
---@field acts boolean? with `status`: act all the same, as a server that fails afterwards

-- From the checking function up to the caller of the public method; errors count from here.
local LEVEL = 3

local function show(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

local kinds = {}

function kinds.string(value)
  return type(value) == "string" and value ~= "" or nil, "a string that is not empty"
end

function kinds.boolean(value)
  return type(value) == "boolean" or nil, "a boolean"
end

function kinds.whole(value)
  return type(value) == "number" and value >= 0 and value <= 1e9 and value % 1 == 0 or nil,
    "a whole number"
end

function kinds.limit(value)
  return kinds.whole(value) and value > 0 or nil, "a whole number above 0",
    value == 0 and "a step with status = 429 refuses requests" or nil
end

function kinds.positive(value)
  return type(value) == "number" and value > 0 and value <= 1e9 or nil, "a number above 0"
end

function kinds.seconds(value)
  return type(value) == "number" and value >= 0 and value <= 3600 or nil, "seconds, 0 to 3600"
end

function kinds.offset(value)
  return type(value) == "number" and math.abs(value) <= 1e9 or nil, "a number of seconds"
end

function kinds.times(value)
  local ok = value == math.huge or kinds.whole(value) and value > 0
  return ok or nil, "a whole number above 0, or math.huge"
end

function kinds.status(value)
  local ok = kinds.whole(value) and value >= 200 and value <= 599
  return ok or nil, "an HTTP status, 200 to 599"
end

local METHODS = {
  GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true,
  ["*"] = true,
}

-- Why no request ever matches, if so.
local function vain_match(value)
  local method, path = parts(value)
  if method:find("%s") then
    return "a method and a path are all there is to it"
  elseif not METHODS[method] then
    return method:find("/", 1, true) and "a path begins with /"
      or "methods are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS, in capitals"
  elseif path:find("^[^/*]") then
    return "a path begins with /"
  elseif path:find("[?#]") then
    return "leave the query out: a path matches whatever follows it"
  elseif path:find("*", 1, true) and path:find("*", 1, true) < #path then
    return "a * stands at the end alone"
  end
  return nil
end

function kinds.match(value)
  local wanted = 'a method, a path or both, as "POST /contacts" or "/contacts/*"'
  if not kinds.string(value) then
    return nil, wanted
  end
  local why = vain_match(value)
  return not why or nil, wanted, why
end

function kinds.body(value)
  return type(value) == "string" or type(value) == "table" or nil, "a string or a table"
end

local function is_header_value(value)
  if type(value) == "table" then
    for _, one in ipairs(value) do
      if type(one) ~= "string" then
        return false
      end
    end
    return #value > 0
  end
  return value == false or type(value) == "string" or type(value) == "number"
end

function kinds.headers(value)
  local what = "a table of names and strings, numbers, lists of strings, or false"
  if type(value) ~= "table" then
    return nil, what
  end
  for name, one in pairs(value) do
    if type(name) ~= "string" or name == "" or not is_header_value(one) then
      return nil, what
    end
  end
  return true
end

local function one_of(...)
  local names = { ... }
  return function(value)
    for _, name in ipairs(names) do
      if value == name then
        return true
      end
    end
    return nil, "one of " .. table.concat(names, ", ")
  end
end

kinds.fault = one_of("reset", "truncate")
kinds.rounding = one_of("up", "down", "nearest")
kinds.scope = one_of("read:workspace", "read:write:workspace", "admin:full")

check.options = {
  limit = "limit", window = "positive", https = "boolean", contacts = "whole", scope = "scope",
  reset_rounding = "rounding", date_skew = "offset", log_limit = "whole", nginx = "string",
}

check.step = {
  status = "status", headers = "headers", body = "body", delay = "seconds", fault = "fault",
  date_skew = "offset", match = "match", times = "times", acts = "boolean",
}

local function sorted_names(fields)
  local names = {}
  for name in pairs(fields) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function unfit(name, wanted, value, why)
  return ("%s must be %s, not %s%s"):format(name, wanted, show(value), why and ": " .. why or "")
end

--- Checks one value.
---@param value any
---@param kind string a name in `kinds`
---@param name string how the caller calls it
function check.value(value, kind, name)
  local ok, wanted, why = kinds[kind](value)
  if not ok then
    error(unfit(name, wanted, value, why), LEVEL)
  end
end

--- Checks a table of named fields, none of them required.
---@param fields any
---@param known table<string, string> name to kind
---@param what string how the caller calls the table
---@return table copy
function check.fields(fields, known, what)
  if type(fields) ~= "table" then
    error(("%s must be a table, not %s"):format(what, type(fields)), LEVEL)
  end
  local copy = {}
  for name, value in pairs(fields) do
    if not known[name] then
      local near = type(name) == "string" and nearest.find(name, sorted_names(known))
      error(("%s: there is no %s%s"):format(what, show(name),
        near and (" (did you mean %q?)"):format(near) or ""), LEVEL)
    end
    local ok, wanted, why = kinds[known[name]](value)
    if not ok then
      error(("%s: %s"):format(what, unfit(name, wanted, value, why)), LEVEL)
    end
    copy[name] = value
  end
  return copy
end

local WITHOUT_BODY = { [204] = true, [304] = true }

-- What a step says in vain, which a test would take for said; or nil.
local function vain(step)
  if next(step) == nil then
    return "{} says nothing: give what it answers, or match or times of requests to let through"
  end
  if step.acts ~= nil and not step.status and step.body == nil then
    return ("acts = %s goes with a status or body: a step without them acts in any case")
      :format(show(step.acts))
  end
  for _, name in ipairs({ "body", "headers", "date_skew" }) do
    if step.fault == "reset" and step[name] ~= nil then
      return ('fault = "reset" sends no answer that could have %s: leave one of them out')
        :format(name)
    end
  end
  if not WITHOUT_BODY[step.status] then
    return nil
  end
  local said = step.fault == "truncate" and 'fault = "truncate"'
    or step.body ~= nil and step.body ~= "" and "body"
  return said and ("an answer with status = %d has no body: leave %s out, or take another status")
    :format(step.status, said)
end

--- Checks that the fields of a step, each of which is fine, can be meant together.
---@param step table as `check.fields` returned it
---@param what string how the caller calls the step
function check.sense(step, what)
  local problem = vain(step)
  if problem then
    error(("%s: %s"):format(what, problem), LEVEL)
  end
end

return check
