--- Where a caller stands: may it wait here, and how.

local common = require "trailmark.common"
local events = require "trailmark.events"
local loop = require "trailmark.loop"
local printable = require "trailmark.printable"

local place = {}

--- A key function cannot use its own client, and there are hosts with places for no call at all.
---@param client table
---@param level integer  as for `error`, in the function that calls
function place.check_start(client, level)
  if client._key:is_asking() then
    error("trailmark: the function key cannot use the client that asks it for the key: use another"
      .. " client there, and its sleep or the loop's own", level + 1)
  end
  local refusal = loop.refusal(client._loop)
  if refusal then error("trailmark: " .. refusal, level + 1) end
end

--- There are places where a call can begin, and a callback cannot be run for it.
---@param client table
---@param level integer
function place.check_callback(client, level)
  local adapter = loop.home(client._loop)
  local refusal = adapter and adapter.no_callback and adapter.no_callback()
  if refusal then error("trailmark: " .. refusal, level + 1) end
end

--- Nor may anybody wait in a hook of this library's.
---@param client table
---@param level integer
function place.check(client, level)
  place.check_start(client, level + 1)
  if events.delivering() then
    error("trailmark: a call cannot be waited for inside on_event or log", level + 1)
  end
end

-- Coroutines that are inside of key functions, and how deep. Before 5.2 the main one has no value.
local asking = common("place.asking", "k")

local function current()
  return coroutine.running() or "main"
end

--- The coroutine that runs.
---@return thread|"main"
place.current = current

--- Whether it runs, or has called what runs. Any other has to be resumed to go on.
---@param thread thread|"main"|false|nil
---@return boolean
function place.is_active(thread)
  if type(thread) ~= "thread" then return thread == "main" end
  local status = coroutine.status(thread)
  return status == "running" or status == "normal"
end

local function ask(me, f, ...)
  asking[me] = (asking[me] or 0) + 1
  return f(...)
end

--- Calls a key function: as pcall.
function place.ask(f, ...)
  local me = current()
  local before = asking[me]
  local ok, key, problem, expires_in = pcall(ask, me, f, ...)
  if asking[me] ~= before then asking[me] = before end
  return ok, key, problem, expires_in
end

--- Whether this is inside of a key function. A host that ends coroutines may begin others in their
-- place, as the same value, so what was noted of that has to be on the stack, too.
function place.is_asking()
  local me = current()
  if not asking[me] then return false end
  local level, frame = 2, debug.getinfo(2, "f")
  while frame and frame.func ~= place.ask do
    level = level + 1
    frame = debug.getinfo(level, "f")
  end
  if not frame then asking[me] = nil end
  return frame ~= nil
end

--- Whether this is inside of a hook or a key function. No callback is run there: it may wait and
-- use its client, and they may not.
function place.is_inner()
  return events.delivering() or place.is_asking()
end

-- The coroutine that moves the engine for a loop: what runs in it cannot wait for the engine by
-- letting the loop go on, so it blocks.
local moving = common "place.moving" -- { by = that }
moving.by = moving.by or false

local function move(f, ...)
  moving.by = current()
  return f(...)
end

--- Calls `f` as the one that moves the engine: as pcall.
function place.move(f, ...)
  local before = moving.by
  local ok, problem = pcall(move, f, ...)
  moving.by = before
  return ok, problem
end

--- The adapter and the token of the coroutine that is to be suspended; nil where waiting blocks.
-- Raises where the coroutine cannot be suspended here.
---@param client table
---@param level integer
---@return trailmark.Loop|nil adapter
---@return any token
function place.here(client, level)
  local adapter, token, refusal = loop.here(client._loop)
  if refusal then error("trailmark: " .. refusal, level + 1) end
  if not adapter or moving.by == current() then return nil end
  loop.check(level + 1)
  return adapter, token
end

--- Raises where nobody may wait, or can: before anything is begun that is to be waited for.
---@param client table
---@param level integer
function place.check_wait(client, level)
  place.check(client, level + 1)
  place.here(client, level + 1)
end

---@param value any      nil is fine
---@param name string
---@param level integer
function place.check_seconds(value, name, level)
  if value == nil then return end
  if type(value) ~= "number" or value ~= value or value < 0 or value > 3600 then
    local shown = type(value) == "number" and ("%.14g"):format(value) or type(value)
    error(("%s must be seconds from 0 to 3600, got %s"):format(name, shown), level + 1)
  end
end

-- On 5.1 a coroutine cannot yield across pcall.
place.YIELDS_IN_PCALL = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

--- pcall for a function that may wait: in a coroutine of 5.1 it is called as it is, and what it
-- raises goes straight to the caller.
place.try = place.YIELDS_IN_PCALL and pcall or function(f, ...)
  if coroutine.running() then return true, f(...) end
  return pcall(f, ...)
end

--- Raises an error object, as it is.
---@param client table
---@param err trailmark.Error
function place.raise(client, err)
  local adapter = loop.home(client._loop)
  if adapter and adapter.raised then adapter.raised(err) end
  error(err, 0)
end

local function traceback(problem)
  return debug.traceback(printable.raised(problem), 2)
end

-- As place.try, and the problem tells where it was raised.
local function try_traced(f)
  if place.YIELDS_IN_PCALL then return xpcall(f, traceback) end
  return true, f()
end

--- Runs `f` in a coroutine of the loop's, in which it may wait. What it raises after that is
-- reported, too, but on 5.1, where whoever lets it go on is told.
---@param home { adapter: trailmark.Loop, key: any }
---@param f fun()
---@param report fun(problem: any)
function place.spawn(home, f, report)
  local spawn = home.adapter.spawn
  local try = spawn and place.try or try_traced
  local function guarded()
    local ok, problem = try(f)
    if not ok then report(problem) end
  end
  if spawn then return spawn(guarded, home.key) end
  local thread = coroutine.create(guarded)
  local ok, problem = coroutine.resume(thread)
  if ok then return end
  if place.YIELDS_IN_PCALL then error(problem, 0) end -- by report
  report(debug.traceback(thread, printable.raised(problem)))
end

return place
