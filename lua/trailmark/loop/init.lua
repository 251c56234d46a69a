--- Which loop a client waits with, decided at each call.
--
-- Each loop that is known by name has its adapter (see adapter.lua) beside this file, loaded when
-- it is needed; anybody may write another. One that waits in another way than for a descriptor
-- brings waiters of its own (`new_waiter`).

local core = require "trailmark.core"

local loop = {}

-- By name -----------------------------------------------------------------------------------------

local adapters = {}

local function named(name)
  local adapter = adapters[name]
  if not adapter then
    adapter = require("trailmark.loop." .. name)
    adapters[name] = adapter
  end
  return adapter
end

--- What a client keeps of its option `loop`, for the functions below.
---@param setting "auto"|"blocking"|string|trailmark.Loop
---@return "auto"|"blocking"|trailmark.Loop|nil
---@return string|nil problem  the loop of that name is not there
function loop.open(setting)
  if setting == "auto" or setting == "blocking" or type(setting) == "table" then return setting end
  local ok, adapter = pcall(named, setting)
  if ok then return adapter end
  package.loaded["trailmark.loop." .. setting] = nil -- on 5.1 a failure leaves a mark
  local why = tostring(adapter):match("^[^\n]*"):gsub("^%S+:%d+: ", ""):gsub(":$", "")
  return nil, ('loop = "%s": %s'):format(setting, why)
end

-- By looking around -------------------------------------------------------------------------------

local loaded = package.loaded

--- A function of a library's that the program has loaded.
local function has(library, name)
  library = loaded[library]
  return type(library) == "table" and library[name]
end

-- A loop that tells whether it runs comes before one that does not.
local function by_library()
  if has("ngx", "get_phase") then return named "nginx" end
  local core_of_host = rawget(_G, "core")
  if type(core_of_host) == "table" and rawget(core_of_host, "register_task") then
    return named "haproxy"
  end
  local running = has("cqueues", "running")
  if running and running() then return named "cqueues" end
  if has("copas", "addthread") and has("copas", "running") ~= false then return named "copas" end
  if has("luv", "new_poll") or has("uv", "new_poll") then return named "uv" end
  return nil
end

--- The host's adapter, or nil. This runs at each call: it looks, and loads no library of a host's.
local function found()
  if loaded.ngx or loaded.cqueues or loaded.copas or loaded.luv or loaded.uv
    or rawget(_G, "core") then -- HAProxy's
    return by_library()
  end
  return nil
end

--- A host that gives up its files has to have its adapter loaded by then.
function loop.prepare()
  found()
end

local function adapter_of(setting)
  if setting == "auto" then return found() end
  if setting == "blocking" then return nil end
  return setting
end

-- What the others ask -----------------------------------------------------------------------------

--- The adapter and the token of the coroutine that runs; nil where waiting has to block, and why
-- where it must not even do that.
function loop.here(setting)
  local adapter = adapter_of(setting)
  if not adapter then return nil end
  local token, refusal = adapter.waiter()
  if token == nil then return nil, nil, refusal end
  return adapter, token
end

--- Whether files may be out of reach once the host has begun to serve.
function loop.loses_files(setting)
  local adapter = adapter_of(setting)
  return adapter ~= nil and adapter.loses_files == true
end

--- A line for the log: the host's, where it has one.
function loop.log(setting, level, line)
  local adapter = adapter_of(setting)
  if adapter and adapter.log then return adapter.log(level, line) end
  io.stderr:write("trailmark: ", line, "\n")
end

--- Why no call may begin here, or nil.
function loop.refusal(setting)
  local adapter = adapter_of(setting)
  return adapter and adapter.refusal and adapter.refusal()
end

--- The adapter whose loop runs callbacks; nil where blocking waits do.
function loop.home(setting)
  local adapter = adapter_of(setting)
  if adapter and adapter.key and adapter.key() == nil then return nil end
  return adapter
end

local CANNOT = "trailmark: a call cannot wait inside %s, where a coroutine of an event loop cannot"
  .. " be suspended; make it outside of that"

--- On 5.1 whatever is called by a C function, as pcall is one.
local function in_c_function(level)
  local frame = debug.getinfo(level + 1, "Sn")
  while frame and frame.what ~= "C" do
    level = level + 1
    frame = debug.getinfo(level + 1, "Sn")
  end
  return frame and (frame.name or "a C function")
end

--- Raises where the coroutine cannot be suspended: inside table.sort, and on 5.1 inside pcall. What
-- is found out only by trying (5.2; a metamethod on 5.1) raises Lua's own error.
---@param level integer
function loop.check(level)
  local thread, is_main = coroutine.running()
  if not thread or is_main then return end -- a loop that suspends even this knows how
  local within
  if core.is_yieldable then
    within = not core.is_yieldable() and "a C function"
  elseif _VERSION == "Lua 5.1" then
    within = in_c_function(level)
  end
  if within then error(CANNOT:format(within), level + 1) end
end

return loop
