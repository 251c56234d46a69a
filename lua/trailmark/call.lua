--- One call from a caller's arguments to `data, err, response`.

local core = require "trailmark.core"
local errors = require "trailmark.errors"
local events = require "trailmark.events"
local json = require "trailmark.json"
local place = require "trailmark.place"
local printable = require "trailmark.printable"
local pump = require "trailmark.pump"
local waiter = require "trailmark.waiter"

local call = {}

local JSON_TYPE = "Content-Type: application/json"

local function argument(message, method, path)
  return errors.new {
    kind = "argument", message = message, method = method, path = path, outcome = "not_sent",
  }
end

--- The error of a call that could not be sent because of `problem`.
call.argument = argument

--- The error of a call that nobody is there for to send it.
function call.unsent(kind, message, method, path)
  return errors.new {
    kind = kind, message = message, method = method, path = path, outcome = "not_sent",
    option = "loop", retryable = kind == "network",
  }
end

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

--- All lines of a call that adds some to its client's; nil where it does not, true where it adds
-- the type of JSON and no more.
local function headers_of(client, settings, content_type)
  local own = settings and settings.headers
  if not own and not content_type then return nil end
  if not own and content_type == JSON_TYPE then return true end
  if not own and client.typed == content_type then return client.typed_lines end
  local lines = {}
  for name, line in pairs(client.headers) do lines[name] = line end
  for name, line in pairs(own or {}) do lines[name] = line end
  lines["content-type"] = content_type
  local all = call.header_lines(lines)
  if not own then client.typed, client.typed_lines = content_type, all end -- the next is alike
  return all
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
  local bytes, headers, content_type, problem
  if body ~= nil or settings and (settings.content_type or settings.headers) then
    bytes, content_type, problem = body_of(body, settings)
    if problem then return nil, argument(problem, method, path) end
    headers = headers_of(client, settings, content_type)
  end
  local handle, subject, value, text =
    client.handle:start(method, path, query, bytes, headers, settings)
  if handle then return handle end
  if not subject then return nil, call.unsent(value, text, method, path) end
  return nil, argument(refusal(subject, value, text), method, path)
end

-- Ending ------------------------------------------------------------------------------------------

local function failed(client, handle, body, decode)
  local fields = handle:failure()
  if client._key.problem then fields.key_problem = client._key.problem end
  if fields.kind == "config" and client._key:asks() then fields.option = "key_function" end
  fields.bare_base_url = client._bare_base_url
  if body and body ~= "" then
    local value
    if decode ~= false then value = json.decode(body) end
    if value == nil then value = body end
    fields.body = value
  end
  return errors.new(fields)
end

--- What a finished call returns. Whoever has no more use for the handle tells it so (`forget`).
---@return any data
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function call.finish(client, handle, decode)
  local ok, body, response, open_ended = handle:result()
  if not ok then return nil, failed(client, handle, body, decode), response end
  if open_ended and (decode == false or body == "") then
    local fields = handle:failure("protocol",
      "the body lasted until the connection's end, which may have come before its own")
    fields.body = body
    return nil, errors.new(fields), response
  end
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

-- Waiting -----------------------------------------------------------------------------------------

-- A signal comes back to Lua at once, where its handler runs, and so does whatever else Lua has to
-- do meanwhile.
local function block(client, handle)
  client._key:relieve()
  pump.serve()
  while handle:wait() ~= true do pump.between() end
  events.deliver()
end

local function suspend(client, handle, adapter, token)
  local me = waiter.new(adapter, token, client._key)
  if not pump.announce(handle, me, me.home) then return end
  me:expect(handle)
  local ok, problem = me:wait()
  if not ok then error(problem, 0) end
end

--- Waits until the call is done: in a coroutine of a loop it yields, otherwise it blocks in C. What
-- ends the wait earlier (Ctrl-C, say) ends the call, too: nobody is left who would want it sent
-- again.
---@param adapter? trailmark.Loop
---@param token any
function call.wait(client, handle, adapter, token)
  local ok, problem
  if adapter then
    ok, problem = place.try(suspend, client, handle, adapter, token)
  else
    ok, problem = pcall(block, client, handle)
  end
  if ok then return end
  handle:cancel()
  error(problem, 0)
end

--- Sleeps; calls in flight advance meanwhile.
---@param client table
---@param seconds number
---@param level integer
function call.sleep(client, seconds, level)
  local over = core.now() + seconds
  local adapter, token = place.here(client, level + 1)
  if adapter and adapter.rest then
    repeat adapter.rest(over - core.now()) until core.now() >= over
  elseif adapter then
    local ok, problem = waiter.new(adapter, token, client._key):wait(over)
    if not ok then error(problem, 0) end
  else
    pump.serve()
    while core.sleep(over - core.now()) ~= true do pump.between() end
    pump.between()
  end
end

return call
