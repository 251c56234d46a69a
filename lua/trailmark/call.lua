--- One call from a caller's arguments to `data, err, response`.

local core = require "trailmark.core"
local errors = require "trailmark.errors"
local json = require "trailmark.json"
local printable = require "trailmark.printable"

local call = {}

local JSON_TYPE = "Content-Type: application/json"

local function argument(message, method, path)
  return errors.new {
    kind = "argument", message = message, method = method, path = path, outcome = "not_sent",
  }
end

--- The error of a call that could not be sent because of `problem`.
call.argument = argument

-- Headers -----------------------------------------------------------------------------------------

--- Joins lines by lower-case name into the form the core takes: sorted, each ended by NUL.
-- An `Expect:` without a value keeps libcurl from waiting for "100 Continue" before a large body, a
-- `Content-Type:` from calling an empty body a form.
---@param lines table<string, string>
---@return string
function call.header_lines(lines)
  local all = {}
  for _, line in pairs(lines) do all[#all + 1] = line end
  if not lines["content-type"] then all[#all + 1] = "Content-Type:" end
  all[#all + 1] = "Expect:"
  table.sort(all)
  return table.concat(all, "\0") .. "\0"
end

--- All lines of a call that adds some to its client's; nil where it does not.
local function headers_of(client, settings, content_type)
  local own = settings and settings.headers
  if not own and not content_type then return nil end
  if not own and content_type == JSON_TYPE then return client.json_headers end
  local lines = {}
  for name, line in pairs(client.headers) do lines[name] = line end
  for name, line in pairs(own or {}) do lines[name] = line end
  lines["content-type"] = content_type
  return call.header_lines(lines)
end

-- Starting ----------------------------------------------------------------------------------------

--- The bytes of a body and the line that tells their type.
local function body_of(body, settings)
  local content_type = settings and settings.content_type
  if content_type then content_type = "Content-Type: " .. content_type end
  if type(body) == "string" or body == nil then return body, content_type end
  local text, problem = json.encode(body)
  if not text then return nil, nil, "body: " .. problem end
  return text, content_type or JSON_TYPE
end

local function refusal(subject, value, text)
  if value == nil then return subject .. " " .. text end
  local shown = type(value) == "string" and '"' .. printable.text(value, 120) .. '"'
    or printable.text(tostring(value), 60)
  return ("%s %s %s"):format(subject, shown, text)
end

--- Starts a call. Nothing is sent before the engine next moves.
---@param client table
---@param parts { method: string, path: string, query?: table|string, body?: any }
---@param settings? table  of options.call
---@return userdata|nil handle
---@return trailmark.Error|nil
function call.start(client, method, path, query, body, settings)
  local bytes, content_type, problem = body_of(body, settings)
  if problem then return nil, argument(problem, method, path) end
  local headers = headers_of(client, settings, content_type)
  local handle, subject, value, text =
    client.handle:start(method, path, query, bytes, headers, settings)
  if handle then return handle end
  return nil, argument(refusal(subject, value, text), method, path)
end

-- Ending ------------------------------------------------------------------------------------------

local function failed(client, handle, body, decode)
  local fields = handle:failure()
  if fields.kind == "unauthorized" then fields.key_problem = client._key.problem end
  if body and body ~= "" then
    local value
    if decode ~= false then value = json.decode(body) end
    if value == nil then value = body end
    fields.body = value
  end
  return errors.new(fields)
end

--- What a finished call returns.
---@return any data
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function call.finish(client, handle, decode)
  local ok, body, response = handle:result()
  if not ok then return nil, failed(client, handle, body, decode), response end
  if decode == false then return body, nil, response end
  if body == "" then return true, nil, response end
  local data, problem = json.decode(body)
  if problem then
    local fields = handle:failure("decode", problem)
    local _, bytes, shown = handle:result() -- once more: from now on they show no key
    fields.body = bytes
    return nil, errors.new(fields), shown
  end
  return data, nil, response
end

-- A signal comes back to Lua at once, where its handler runs, and so do events, and the question
-- for a key that only a function can give.
local function wait(client, handle)
  local state
  repeat
    state = handle:wait()
    if type(state) == "string" then client._key:answer(state) end
    if client._events then client._events:deliver() end
  until state == true
end

--- Waits in C until the call is done. What ends the wait earlier (Ctrl-C, say) ends the call, too:
-- nobody is left who would want it sent again.
function call.wait(client, handle)
  local fine, problem = pcall(wait, client, handle)
  if fine then return end
  handle:cancel()
  error(problem, 0)
end

--- Sleeps; calls in flight advance meanwhile.
---@param seconds number
function call.sleep(seconds)
  local over = core.now() + seconds
  while not core.sleep(over - core.now()) do end
end

return call
