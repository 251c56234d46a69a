--- Error objects: what went wrong, whether it may have happened, what to do about it.
--
-- The core reports a failed call as a flat table of fields; `errors.new` makes the object that the
-- caller sees. Only the fields listed here get through, so what the core knows about the key (its
-- source, its last four characters) reaches the hint's wording and nothing else.
-- The printed line is for a person at three in the morning: one line, bounded, escaped, no query
-- string, no key.

local hints = require "trailmark.hints"
local printable = require "trailmark.printable"

local errors = {}

--- One attempt of a call that failed.
---@class trailmark.Attempt
---@field status? integer  HTTP status, where one arrived
---@field kind? string     what the attempt ended in
---@field wait? number     seconds waited before it
---@field elapsed? number  seconds it took

--- What went wrong, whether it may have happened, and what to do. `tostring` and `..` give it as
-- one line for people, without the key and without the query.
---@class trailmark.Error
---@field kind string              one of trailmark.error_kinds
---@field message string           a short sentence, the service's own where it gave one
---@field hint? string             the remedy
---@field status? integer          HTTP status
---@field code? string             the service's error code, from the body
---@field request_id? string      the service's name for the request
---@field body? any                decoded where it was JSON, bytes otherwise
---@field headers? table           lower-case names
---@field attempts? integer        how many were made
---@field history? trailmark.Attempt[]  one an attempt, in order
---@field retry_after? number      seconds
---@field retry_at? number         Unix time
---@field idempotency_key? string  repeats the call safely
---@field outcome? "not_sent"|"rejected"|"unknown"|"done"  whether the service may have acted
---@field retryable boolean        repeating this very call is safe and may succeed
---@field next? string             pagination: where to resume
---@field items? table            of tm:collect: those there were by then
---@field method? string           of the request
---@field path? string             of the request, without query
---@field elapsed? number          seconds, the whole call
---@field time? number             Unix time of the failure
---@field curl_code? integer       libcurl's number, where the transfer failed

--- What else the core may tell, for the hint's wording only.
---@class trailmark.Facts
---@field key_source? string     "key_file /etc/tm.key", "TRAILMARK_API_KEY", ...
---@field key_last4? string
---@field key_age? number        seconds since the key file changed
---@field key_prefixed? boolean  whether it begins as API keys do
---@field key_problem? string    why its source gave no other
---@field keyless? boolean       no idempotency key could be made
---@field limit? string          the option that ran out: "timeout", "deadline", ...
---@field seconds? number        its value (bytes for max_response_bytes)
---@field proxied? boolean       through the proxy of the option
---@field ignored_proxy? string|true  the proxy variable that is set but was not used
---@field option? string         kind config: the option at fault, "key" unless told
---@field bare_base_url? boolean  base_url is an origin and no more

-- Taken over as they are.
local FIELDS = {
  "kind", "status", "body", "headers", "attempts", "elapsed", "history",
  "retry_after", "retry_at", "idempotency_key", "outcome", "next", "method", "time",
}

-- Bytes of each part in the printed line, and of `message` and `code`.
local LONGEST = {
  message = 200, code = 64, path = 200, request_id = 100, source = 120, key = 255, hint = 600,
}

--- Every kind's meaning by its name, and the names in an array part.
---@type table<string|integer, string>
errors.kinds = {}
for i, row in ipairs(hints.rows) do
  errors.kinds[i] = row.name
  errors.kinds[row.name] = row.means
end

-- From a body -------------------------------------------------------------------------------------

local function text_of(value)
  if type(value) == "string" and value:find("%S") then return value end
  return nil
end

local function code_of(value)
  if type(value) == "number" and value == value and math.abs(value) < 1e15 then
    return ("%.14g"):format(value)
  end
  return text_of(value)
end

local function field(value, ...)
  for i = 1, select("#", ...) do
    local found = text_of(rawget(value, (select(i, ...))))
    if found then return found end
  end
  return nil
end

local function described(value)
  return field(value, "message", "error_description", "detail", "description", "title", "reason")
end

--- The name that sorts first: which of several errors is told must not change from run to run.
local function first_name(list)
  local first
  for name in next, list do
    if type(name) == "string" and (not first or name < first) then first = name end
  end
  return first
end

--- The first of a body's `errors`, as text: an array of strings or tables, or fields with theirs.
local function first_error(list)
  local name = rawget(list, 1) == nil and first_name(list) or nil
  local item = rawget(list, name or 1)
  if type(item) == "table" then
    local inner = text_of(rawget(item, 1)) or described(item)
    name, item = name or field(item, "field", "param", "path"), inner
  end
  item = text_of(item)
  return item and type(name) == "string" and name .. ": " .. item or item
end

local function from_list(list)
  local first = rawget(list, 1)
  local code = type(first) == "table" and code_of(rawget(first, "code")) or nil
  return code, first_error(list)
end

--- The service's error code and message, from the usual places of a decoded body.
-- Takes any value at all; what is not text where text belongs is passed over.
---@param body any
---@return string|nil code
---@return string|nil message
function errors.from_body(body)
  if type(body) ~= "table" then return nil, nil end
  local inner, list = rawget(body, "error"), rawget(body, "errors")
  local code, message = code_of(rawget(body, "code")), described(body)
  if type(inner) == "table" then
    code = code_of(rawget(inner, "code")) or code_of(rawget(inner, "type")) or code
    message = described(inner) or message
  elseif text_of(inner) then
    -- OAuth 2.0 (RFC 6749, section 5.2) and others: a word is the code, a sentence the message.
    if not code and inner:find("^[%w_.-]+$") then code = inner end
    message = message or inner
  end
  if type(list) == "table" then
    local first_code, first_message = from_list(list)
    code, message = code or first_code, message or first_message
  end
  return code, message
end

-- The printed line --------------------------------------------------------------------------------

local SAFE = { GET = true, HEAD = true, OPTIONS = true }

local function what_happened(err)
  local row = hints.row(err.kind)
  local message = printable.text(tostring(err.message or row.says), LONGEST.message)
  if not err.status then return message end
  local status = printable.text(tostring(err.status), 10)
  return row.answered and message == row.says and status or ("%s (%s)"):format(status, message)
end

local function how_long(err)
  local parts = {}
  local attempts, elapsed = err.attempts, err.elapsed
  if type(attempts) == "number" and attempts > 1 then
    parts[1] = (" after %.0f attempts"):format(attempts)
  end
  if type(elapsed) == "number" then parts[#parts + 1] = " in " .. printable.seconds(elapsed) end
  local clock = printable.clock(err.time)
  if clock then parts[#parts + 1] = " (" .. clock .. ")" end
  return table.concat(parts)
end

--- Whether the service may have acted, and how to repeat the call; nothing for a reading method.
local function consequence(err)
  if not err.method or SAFE[err.method] then return nil end
  local done = err.outcome == "done"
  if not done and err.outcome ~= "unknown" then return nil end
  local acted = done and "the service has acted" or "may have acted"
  if err.idempotency_key and err.retryable then
    local key = printable.text(tostring(err.idempotency_key), LONGEST.key)
    local why = done and " for its answer" or ""
    return ('%s; repeat with idempotency_key "%s"%s'):format(acted, key, why)
  end
  if done then return err.retryable and acted or acted .. ", do not repeat it" end
  local once = err.method == "POST" or err.method == "PATCH"
  return once and acted .. "; look before repeating it" or acted
end

local function label(err)
  local parts = { printable.text(tostring(err.kind), 20) }
  local function add(name, value, longest)
    if value then parts[#parts + 1] = name .. printable.text(tostring(value), longest) end
  end
  add("code ", err.code, LONGEST.code)
  add("curl ", err.curl_code, 10)
  add("request ", err.request_id, LONGEST.request_id)
  return " [" .. table.concat(parts, ", ") .. "]"
end

local function call(err)
  if not err.method or not err.path then return "" end
  return printable.text(tostring(err.method), 20) .. " "
    .. printable.text(tostring(err.path), LONGEST.path) .. ": "
end

---@param err trailmark.Error
---@return string
local function line(err)
  local parts = { "trailmark: " .. call(err) .. what_happened(err) .. how_long(err) }
  parts[#parts + 1] = consequence(err)
  parts[#parts + 1] = err.hint and printable.text(tostring(err.hint), LONGEST.hint)
  return table.concat(parts, "; ") .. label(err)
end

-- The object --------------------------------------------------------------------------------------

local Error = { __name = "trailmark.Error", __tostring = line }

local function operand(value)
  local kind = type(value)
  if kind == "string" or kind == "number" then return value end
  if getmetatable(value) == Error then return line(value) end
  return nil, kind
end

function Error.__concat(left, right)
  local before, wrong_before = operand(left)
  local after, wrong_after = operand(right)
  local wrong = wrong_before or wrong_after
  if wrong then error("attempt to concatenate a " .. wrong .. " value", 2) end
  return before .. after
end

local function shown(value, longest)
  return value and printable.text(tostring(value), longest) or nil
end

--- The core's facts, safe to print.
local function facts_of(fields)
  local key_problem = fields.key_problem
  local source, last4, proxy = fields.key_source, fields.key_last4, fields.ignored_proxy
  return {
    key_source = shown(source, LONGEST.source),
    -- Four characters of a key, never more, whatever the core hands over.
    key_last4 = type(last4) == "string" and #last4 <= 4 and shown(last4, 16) or nil,
    key_age = fields.key_age,
    key_prefixed = fields.key_prefixed,
    keyless = fields.keyless,
    key_problem = key_problem and printable.text(tostring(key_problem), LONGEST.message) or nil,
    limit = fields.limit,
    seconds = fields.seconds,
    proxied = fields.proxied,
    ignored_proxy = type(proxy) == "string" and printable.text(proxy, 40) or proxy,
    option = fields.option,
    bare_base_url = fields.bare_base_url,
  }
end

--- Makes an error object of the core's fields (those of trailmark.Error and trailmark.Facts, with
--- `curl` for `curl_code`). `code`, `message` and `hint` are found where they are not given.
---@param fields table
---@return trailmark.Error
function errors.new(fields)
  local err = setmetatable({}, Error)
  for _, name in ipairs(FIELDS) do err[name] = fields[name] end
  local code, message
  if fields.status then code, message = errors.from_body(fields.body) end
  err.code = shown(fields.code or code, LONGEST.code)
  err.message = shown(fields.message or message or hints.row(err.kind).says, LONGEST.message)
  err.request_id = shown(fields.request_id, LONGEST.request_id)
  err.path = fields.path and printable.without_keys((tostring(fields.path):gsub("[?#].*$", "")))
  err.curl_code = fields.curl or fields.curl_code
  err.retryable = fields.retryable == true
  err.hint = shown(fields.hint or hints.remedy(err, facts_of(fields)), LONGEST.hint)
  return err
end

--- Whether `value` is an error of ours.
---@param value any
---@return boolean
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == Error
end

--- Returns its arguments, or raises the printed line as a string with the caller's position.
-- Error objects that nobody catches vanish in nginx, HAProxy and Lua 5.1; a string does not.
-- `false` without an error is an answer like any other (JSON has it), `nil` is not.
---@generic T
---@param data T|nil
---@param err? trailmark.Error|any
---@return T, any ...
function errors.assert(data, err, ...)
  if data == nil or (data == false and err ~= nil) then
    error(err == nil and "assertion failed!" or printable.raised(err), 2)
  end
  return data, err, ...
end

return errors
