--- Where a client's key comes from: an option, the environment, a file, or a function.
--
-- The core holds the key; here is only decided what to give it and when. A function is asked at the
-- first call that needs a key, and again when what it returned has expired; it runs in the caller's
-- coroutine.

local core = require "trailmark.core"
local errors = require "trailmark.errors"

local Key = {}
Key.__index = Key

local key = {}

local function config(message, option)
  return errors.new { kind = "config", message = message, option = option }
end

--- Of a call that was not sent, for want of a key.
local function keyless(message, method, path)
  return errors.new {
    kind = "config", message = message, option = "key", method = method, path = path,
    outcome = "not_sent",
  }
end

local NONE = "no API key: neither the options key and key_file nor the variables"
  .. " TRAILMARK_API_KEY and TRAILMARK_API_KEY_FILE give one"

--- Gives the core client its first key.
---@param handle userdata the core's client
---@param settings table  of options.client and options.environment
---@return table|nil source
---@return trailmark.Error|nil
function key.open(handle, settings)
  local source = setmetatable({ handle = handle }, Key)
  local given, ok, why = settings.key
  if type(given) == "function" then
    source.ask = given
    return source
  elseif settings.key_variable then
    ok, why = handle:use_key_variable(settings.key_variable)
  elseif given ~= nil then
    ok, why = handle:set_key(given)
  elseif settings.key_file then
    ok, why = handle:use_key_file(settings.key_file)
  else
    why = NONE
  end
  if ok then return source end
  return nil, config(why, settings.key_file and "key_file" or "key")
end

--- Replaces the key, or the function that gives it.
function Key:set(new)
  if type(new) == "function" then
    self.ask, self.expires, self.has = new, nil, nil
    return true
  end
  local ok, why = self.handle:set_key(new)
  if not ok then return nil, config(why, "key") end
  self.ask = nil
  return true
end

local function asked(self, why)
  self.asking = true
  local fine, given, problem, expires_in = pcall(self.ask, why)
  self.asking = false
  if not fine then return nil, "the function key failed: " .. tostring(given) end
  if type(given) ~= "string" then
    return nil, "the function key gave none: " .. tostring(problem or type(given))
  end
  return given, nil, expires_in
end

--- Makes sure that the core has a key. The function is asked where there is none, or it has
-- expired.
---@param method string  of the call that needs it
---@param path string
---@return true|nil
---@return trailmark.Error|nil
function Key:ready(method, path)
  if not self.ask then return true end
  if self.has and (not self.expires or core.now() < self.expires) then return true end
  local given, problem, expires_in = asked(self, "first")
  if not given then return nil, keyless(problem, method, path) end
  local ok, why = self.handle:set_key(given, "function")
  if not ok then return nil, keyless(why, method, path) end
  self.has = true
  self.expires = type(expires_in) == "number" and core.now() + expires_in or nil
  return true
end

return key
