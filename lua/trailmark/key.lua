--- Where a client's keys come from: an option, the environment, a file, or a function.
--
-- The core holds the keys and decides which one to use; here it is given them. A function is asked
-- at the first call that needs a key, when what it returned has expired, and after a 401; it runs
-- in the caller's coroutine, one at a time.

local core = require "trailmark.core"
local errors = require "trailmark.errors"

local Key = {}
Key.__index = Key

local key = {}

local function config(message, option)
  return errors.new { kind = "config", message = message, option = option }
end

local NONE = "no API key: neither the options key and key_file nor the variables"
  .. " TRAILMARK_API_KEY and TRAILMARK_API_KEY_FILE give one"

local function give_first(handle, settings)
  if settings.key_variable then return handle:use_key_variable(settings.key_variable) end
  if settings.key ~= nil then return handle:set_key(settings.key) end
  if settings.key_file then return handle:use_key_file(settings.key_file) end
  return nil, NONE
end

--- The core keeps a string; a function it only has to know of.
local function give_fallback(source, fallback)
  if fallback == nil then return true end
  if type(fallback) == "string" then return source.handle:set_fallback(fallback) end
  source.ask.fallback = fallback
  return source.handle:set_fallback(nil)
end

--- Gives the core client its keys.
---@param handle userdata the core's client
---@param settings table  of options.client and options.environment
---@return table|nil source
---@return trailmark.Error|nil
function key.open(handle, settings)
  local asking = setmetatable({}, { __mode = "k" }) -- by coroutine
  local source = setmetatable({ handle = handle, ask = {}, asking = asking }, Key)
  local ok, why = true, nil
  if type(settings.key) == "function" then
    source.ask.key = settings.key
  else
    ok, why = give_first(handle, settings)
  end
  if not ok then return nil, config(why, settings.key_file and "key_file" or "key") end
  ok, why = give_fallback(source, settings.fallback_key)
  if not ok then return nil, config(why, "fallback_key") end
  return source
end

--- Replaces the key, or the function that gives it.
function Key:set(new)
  self.problem = nil
  if type(new) == "function" then
    self.ask.key, self.expires, self.has = new, nil, nil
    return true
  end
  local ok, why = self.handle:set_key(new)
  if not ok then return nil, config(why, "key") end
  self.ask.key = nil
  return true
end

--- A function's own words about what went wrong, with any key in them hidden.
local function words(problem)
  return (tostring(problem):gsub("tm_live_[^%s\"']+", "tm_live_***"))
end

--- The coroutine that runs; Lua 5.1 has no value for the main one.
local function current()
  return coroutine.running() or "main"
end

--- Whether this very coroutine is inside the function. Another that yielded in it, or was dropped
-- there, stands in nobody's way.
function Key:is_asking()
  return self.asking[current()] == true
end

--- Asks a function; the problem says which one failed, and never what it returned.
local function asked(self, which, why)
  local name = which == "key" and "key" or "fallback_key"
  local me = current()
  self.asking[me] = true
  local fine, given, problem, expires_in = pcall(self.ask[which], why)
  self.asking[me] = nil
  if not fine then return nil, ("the function %s failed: %s"):format(name, words(given)) end
  if type(given) ~= "string" then
    return nil, ("the function %s gave no key: %s"):format(name, words(problem or type(given)))
  end
  return given, nil, expires_in
end

--- Takes what the function `key` gives.
local function renew(self, why)
  local given, problem, expires_in = asked(self, "key", why)
  if not given then return nil, problem end
  local ok, fault = self.handle:set_key(given, "function")
  if not ok then return nil, fault end
  self.has = true
  self.expires = type(expires_in) == "number" and core.now() + expires_in or nil
  return true
end

--- Makes sure that the core has a key before a call starts.
---@param method string  of the call that needs it
---@param path string
---@return true|nil
---@return trailmark.Error|nil
function Key:ready(method, path)
  if not self.ask.key then return true end
  if self.has and (not self.expires or core.now() < self.expires) then return true end
  local ok, problem = renew(self, "first")
  if ok then return true end
  return nil, errors.new {
    kind = "config", message = problem, option = "key_function", method = method, path = path,
    outcome = "not_sent",
  }
end

--- Answers the engine's question after a 401. What went wrong is kept for the error that follows.
---@param which "key"|"fallback"
function Key:answer(which)
  local ok, problem
  if which == "key" then
    ok, problem = renew(self, "unauthorized")
  else
    local given
    given, problem = asked(self, "fallback", "unauthorized")
    if given then ok, problem = self.handle:set_fallback(given) end
  end
  self.problem = not ok and problem or nil
  self.handle:key_answered()
end

return key
