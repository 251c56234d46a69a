--- From the options of `trailmark.new` to what a client is made of.

local call = require "trailmark.call"
local core = require "trailmark.core"
local errors = require "trailmark.errors"
local events = require "trailmark.events"
local key = require "trailmark.key"
local loop = require "trailmark.loop"
local options = require "trailmark.options"

local PRODUCT = "trailmark-lua/" .. core.version

local function json_header_lines(lines)
  local all = { ["content-type"] = "Content-Type: application/json" }
  for name, line in pairs(lines) do all[name] = line end
  return call.header_lines(all)
end

local function header_settings(settings)
  local lines = settings.headers or {}
  local prefix = settings.user_agent
  lines.accept = lines.accept or "Accept: application/json"
  lines["user-agent"] = "User-Agent: " .. (prefix and prefix .. " " .. PRODUCT or PRODUCT)
  settings.headers = lines
  settings.header_lines = call.header_lines(lines)
  settings.json_header_lines = json_header_lines(lines)
end

local function config(message, option)
  return errors.new { kind = "config", message = message, option = option }
end

--- Opened once here, for libcurl reads it only when it connects. What a host is going to lose is
-- read here, the system's certificates too.
local function read_certificates(settings)
  local keep = loop.loses_files(settings.loop) and settings.base_url:find "^https:"
  local path = settings.ca_file or keep and core.ca_file()
  if not path then return true end
  local file, why = io.open(path, "rb")
  if not file then
    local remedy = keep and loop.home(settings.loop).make_early or ""
    return nil, config(("ca_file cannot be read: %s%s"):format(why, remedy), "ca_file")
  end
  settings.ca_text = keep and file:read "*a" or nil
  file:close()
  return true
end

--- A base URL of the caller's own is the caller's mistake, one of the environment is not.
local function base_url_refused(settings, why, level)
  local message = ('base_url "%s" %s'):format(settings.base_url, why)
  if not settings.base_url_variable then error("trailmark.new: " .. message, level + 1) end
  return config(settings.base_url_variable .. ": " .. message, "base_url")
end

local NO_PROXY = "cannot be reached by the option proxy, which would be given the key over plain"
  .. " HTTP: leave proxy out, or take an https: base_url"

--- "env" is meant for programs that are told where they run, and stays without effect.
local function is_proxy_in_vain(settings)
  return settings.proxy and settings.proxy ~= "env" and settings.base_url:find "^[Hh][Tt][Tt][Pp]:"
end

--- os.getenv, but for the key: that one the core reads itself, so that no Lua string holds it.
local function variable(name)
  if name ~= options.variables.key then return os.getenv(name) end
  return core.has_variable(name) and "set" or nil
end

---@param opts? trailmark.Options
---@param level integer
---@return table|nil fields
---@return trailmark.Error|nil
return function(opts, level)
  local settings = options.client(opts, level + 1)
  local ok, problem, option = options.environment(settings, variable)
  if not ok then return nil, config(problem, option) end
  local waits, not_there = loop.open(settings.loop)
  if not waits then return nil, config(not_there, "loop") end
  settings.loop = waits
  local fault
  ok, fault = read_certificates(settings)
  if not ok then return nil, fault end
  header_settings(settings)
  settings.events = events.wanted(settings)
  settings.paced = settings.pace ~= "off"
  local handle, why = core.client(settings)
  if handle and is_proxy_in_vain(settings) then handle, why = nil, NO_PROXY end
  if not handle then return nil, (base_url_refused(settings, why, level + 1)) end
  local source, err = key.open(handle, settings)
  if not source then return nil, err end
  if loop.loses_files(settings.loop) then handle:prepare_pace() end
  return {
    handle = handle,
    headers = settings.headers,
    _base_url = settings.base_url,
    _bare_base_url = settings.base_url:find("^%a+://[^/]*/?$") ~= nil,
    _scope = settings.pace_scope or settings.base_url,
    _key = source,
    _loop = settings.loop,
    _concurrency = settings.concurrency,
    _events = events.open(handle, settings),
  }
end
