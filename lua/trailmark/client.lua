--- The client that `trailmark.new` returns: its methods, as the README documents them.

local call = require "trailmark.call"
local core = require "trailmark.core"
local errors = require "trailmark.errors"
local events = require "trailmark.events"
local key = require "trailmark.key"
local options = require "trailmark.options"

---@class trailmark.Rate
---@field limit integer      requests a window
---@field remaining integer  of them left
---@field reset integer      Unix time by the server's clock when the window ends
---@field resets_in number   seconds until then

---@class trailmark.RateState: trailmark.Rate
---@field scope string     names the budget
---@field shared boolean   by other processes too
---@field waiting integer  calls that wait for it

---@class trailmark.Response
---@field status integer
---@field headers table<string, string|string[]>  lower-case names; repeats joined by ", ",
---  set-cookie an array
---@field request_id? string
---@field idempotency_key? string
---@field attempts integer
---@field elapsed number  seconds, all attempts and waits
---@field method string
---@field url string
---@field rate? trailmark.Rate

---@class trailmark.Client
local Client = {}
Client.__index = Client
Client.__name = "trailmark.Client"
Client.__metatable = false

function Client:__tostring()
  return "trailmark.Client (" .. self._base_url .. ")"
end

-- Making one --------------------------------------------------------------------------------------

local PRODUCT = "trailmark-lua/" .. core.version

local function header_settings(settings)
  local lines = settings.headers or {}
  local prefix = settings.user_agent
  lines.accept = lines.accept or "Accept: application/json"
  lines["user-agent"] = "User-Agent: " .. (prefix and prefix .. " " .. PRODUCT or PRODUCT)
  settings.headers = lines
  settings.header_lines = call.header_lines(lines)
end

local function json_headers(lines)
  local all = { ["content-type"] = "Content-Type: application/json" }
  for name, line in pairs(lines) do all[name] = line end
  return call.header_lines(all)
end

local function config(message, option)
  return errors.new { kind = "config", message = message, option = option }
end

--- Opened once here, for libcurl reads it only when it connects.
local function ca_file_fault(path)
  local file, why = io.open(path, "rb")
  if not file then return config("ca_file cannot be read: " .. tostring(why), "ca_file") end
  file:close()
  return nil
end

--- A base URL of the caller's own is the caller's mistake, one of the environment is not.
local function base_url_refused(settings, why, level)
  local message = ('base_url "%s" %s'):format(settings.base_url, why)
  if not settings.base_url_variable then error("trailmark.new: " .. message, level + 1) end
  return config(settings.base_url_variable .. ": " .. message, "base_url")
end

--- os.getenv, but for the key: that one the core reads itself, so that no Lua string holds it.
local function variable(name)
  if name ~= options.variables.key then return os.getenv(name) end
  return core.has_variable(name) and "set" or nil
end

--- `trailmark.new`.
---@param opts? trailmark.Options
---@return trailmark.Client|nil
---@return trailmark.Error|nil
local function new(opts)
  local settings = options.client(opts, 2)
  local ok, problem, option = options.environment(settings, variable)
  if not ok then return nil, config(problem, option) end
  local fault = settings.ca_file and ca_file_fault(settings.ca_file)
  if fault then return nil, fault end
  header_settings(settings)
  settings.events = events.wanted(settings)
  settings.paced = settings.pace ~= "off"
  local handle, why = core.client(settings)
  if not handle then return nil, (base_url_refused(settings, why, 2)) end
  local source, err = key.open(handle, settings)
  if not source then return nil, err end
  return setmetatable({
    handle = handle,
    headers = settings.headers,
    json_headers = json_headers(settings.headers),
    _base_url = settings.base_url,
    _scope = settings.pace_scope or settings.base_url,
    _key = source,
    _events = events.open(handle, settings),
  }, Client)
end

-- Calls -------------------------------------------------------------------------------------------

local function closed(method, path)
  return errors.new { kind = "closed", method = method, path = path, outcome = "not_sent" }
end

--- What no call may begin in: a hook of this client, or its own key function.
local function check_place(self, level)
  if type(self) ~= "table" or not self._key then
    error("trailmark: the client's methods are called with a colon, as in tm:get(path)", level + 1)
  end
  if self._key:is_asking() then
    error("trailmark: the function key cannot use the client that asks it for the key", level + 1)
  end
  if events.delivering() then
    error("trailmark: a call cannot be waited for inside on_event or log", level + 1)
  end
end

local function perform(self, method, path, query, body, settings)
  if self._closed then return nil, closed(method, path) end
  local ready, problem = self._key:ready(method, path)
  if self._closed then return nil, closed(method, path) end -- by the key function
  if not ready then return nil, problem end
  local handle, err = call.start(self, method, path, query, body, settings)
  if not handle then return nil, err end
  call.wait(self, handle)
  return call.finish(self, handle, settings and settings.decode)
end

--- The verbs differ in what their second argument is. They do not tail-call, so that levels count.
local function verb(self, method, path, what, value, opts, name)
  check_place(self, 3)
  local settings, problem = options.call(opts, 3, name)
  if problem then return nil, call.argument(problem, method, path) end
  options.arguments(path, what, value, opts, 3, name)
  local query, body
  if what == "query" then query = value else body = value end
  return perform(self, method, path, query, body, settings)
end

--- GET. `query` is a table (strings, numbers, booleans; an array repeats its name) or an encoded
-- string.
---@param path string  relative to base_url, or an absolute URL of its origin
---@param query? table|string
---@param opts? trailmark.CallOptions
---@return any data  decoded JSON; true where the answer has no body
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function Client:get(path, query, opts)
  local data, err, response = verb(self, "GET", path, "query", query, opts, "tm:get")
  return data, err, response
end

--- DELETE; as `get`.
---@param path string
---@param query? table|string
---@param opts? trailmark.CallOptions
---@return any data
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function Client:delete(path, query, opts)
  local data, err, response = verb(self, "DELETE", path, "query", query, opts, "tm:delete")
  return data, err, response
end

--- POST. A table is sent as JSON; a string as it is, and then `content_type` is required. Carries
-- an Idempotency-Key unless told otherwise, so that a retry cannot act twice.
---@param path string
---@param body? table|string
---@param opts? trailmark.CallOptions
---@return any data
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function Client:post(path, body, opts)
  local data, err, response = verb(self, "POST", path, "body", body, opts, "tm:post")
  return data, err, response
end

--- PUT; body as in `post`.
---@param path string
---@param body? table|string
---@param opts? trailmark.CallOptions
---@return any data
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function Client:put(path, body, opts)
  local data, err, response = verb(self, "PUT", path, "body", body, opts, "tm:put")
  return data, err, response
end

--- PATCH; body and Idempotency-Key as in `post`.
---@param path string
---@param body? table|string
---@param opts? trailmark.CallOptions
---@return any data
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function Client:patch(path, body, opts)
  local data, err, response = verb(self, "PATCH", path, "body", body, opts, "tm:patch")
  return data, err, response
end

--- Any method, with query and body: `tm:request{ method = "POST", path = "/contacts", body = {...}
-- }`.
---@param spec trailmark.Request
---@return any data
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function Client:request(spec)
  check_place(self, 2)
  local settings, problem = options.request(spec, 2)
  if problem then return nil, call.argument(problem, spec.method, spec.path) end
  local data, err, response = perform(self, settings.method, settings.path, settings.query,
    settings.body, settings)
  return data, err, response
end

--- The workspace that the key belongs to (GET /workspaces/me; guide, step 2).
---@return table|nil workspace  id, name, plan, members_count, created_at
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function Client:workspace()
  check_place(self, 2)
  local data, err, response = perform(self, "GET", "/workspaces/me")
  return data, err, response
end

-- State -------------------------------------------------------------------------------------------

--- The rate limit as the latest answer told it (guide, step 4), or nil before any did.
---@return trailmark.RateState|nil
function Client:rate()
  local rate = self.handle:rate()
  if not rate then return nil end
  rate.scope = self._scope
  return rate
end

--- Uses another key from the next attempt on.
---@param new_key string|trailmark.KeyFunction
---@return true|nil
---@return trailmark.Error|nil kind "config" where it is malformed; the old one then stays
function Client:set_key(new_key)
  local kind = type(new_key)
  if kind ~= "string" and kind ~= "function" then
    error("tm:set_key: the key must be a string or a function, got " .. kind, 2)
  end
  if self._closed then return nil, closed() end
  return self._key:set(new_key)
end

local function check_seconds(value, name, least, level)
  if type(value) ~= "number" or value ~= value or value < least or value > 3600 then
    local shown = type(value) == "number" and ("%.14g"):format(value) or type(value)
    error(("%s must be seconds from %d to 3600, got %s"):format(name, least, shown), level + 1)
  end
end

--- Sleeps in the host's way; calls in flight advance meanwhile.
---@param seconds number 0 to 3600
function Client:sleep(seconds)
  check_seconds(seconds, "tm:sleep: the time", 0, 2)
  check_place(self, 2)
  call.sleep(seconds)
  if self._events then self._events:deliver() end
end

--- Ends the client: starts nothing new, ends what is under way, wipes the key. Later calls return
-- kind "closed". Calls in flight get `grace` seconds to finish.
---@param grace? number seconds, default 0
function Client:close(grace)
  if grace ~= nil then check_seconds(grace, "tm:close: grace", 0, 2) end
  if self._closed then return end
  self._closed = true
  self.handle:close()
  if self._events then self._events:deliver() end
end

Client.__close = function(self) self:close() end

return { new = new }
