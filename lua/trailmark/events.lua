--- Hands a client's events to on_event and to the log, outside of everything that could be harmed
-- by them.
--
-- The engine keeps events in a bounded ring; they are read after each wait. A hook never runs
-- within another, and an error it throws is told once on stderr and goes no further.

local printable = require "trailmark.printable"

local Events = {}
Events.__index = Events

local events = {}

-- Log lines ---------------------------------------------------------------------------------------

local LONG_WAIT = 1 -- seconds: a shorter pacing wait is everyday business

local function what(event)
  local path = event.url:gsub("^%a[%w+.-]*://[^/?]*", "")
  return event.method .. " " .. printable.text(path, 200)
end

local function ending(event)
  local status = event.status and tostring(event.status) or nil
  if event.kind and status then return status .. " " .. event.kind end
  return status or event.kind or "ok"
end

local function wait(event)
  return printable.seconds(event.wait)
end

-- type -> level, line
local LINES = {
  request = function(event)
    return "debug", ("%s: attempt %d"):format(what(event), event.attempt)
  end,
  response = function(event)
    return "debug", ("%s: %s in %s"):format(what(event), ending(event),
      printable.seconds(event.elapsed))
  end,
  retry = function(event)
    return "info", ("%s: %s, attempt %d in %s"):format(what(event), ending(event),
      event.attempt + 1, wait(event))
  end,
  pace = function(event)
    if event.reason then return "info", "the rate limit is not shared: " .. event.reason end
    return event.wait > LONG_WAIT and "info" or "debug",
      ("%s: waits %s for the rate limit"):format(what(event), wait(event))
  end,
  key = function(event)
    return "info", what(event) .. ": the key was replaced"
  end,
  error = function(event)
    return "debug", ("%s: failed, %s"):format(what(event), ending(event))
  end,
}

local WORTH = { info = 1, debug = 2 }

local function to_stderr(_, line)
  io.stderr:write("trailmark: ", line, "\n")
end

--- A function that writes an event's line, or nil where the log is off.
local function writer(log)
  if log == "off" or log == nil then return nil end
  local most = type(log) == "function" and WORTH.debug or WORTH[log]
  local write = type(log) == "function" and log or to_stderr
  return function(event)
    local level, line = LINES[event.type](event)
    if WORTH[level] <= most then write(level, line) end
  end
end

-- Delivery ----------------------------------------------------------------------------------------

--- Whether these settings want events at all; the engine records none otherwise.
function events.wanted(settings)
  return settings.on_event ~= nil or writer(settings.log) ~= nil
end

---@param handle userdata the core's client
---@param settings table
---@return table|nil   nil where nobody listens
function events.open(handle, settings)
  if not events.wanted(settings) then return nil end
  return setmetatable({
    handle = handle,
    -- The log first: on_event may do with the event what it likes.
    hooks = { { "log", writer(settings.log) }, { "on_event", settings.on_event } },
    complained = {},
    running = false,
  }, Events)
end

--- A hook runs in a coroutine of its own, so that one that yields cannot leave the delivery half
-- done.
local function run(hook, event)
  local thread = coroutine.create(hook)
  local ok, problem = coroutine.resume(thread, event)
  if ok and coroutine.status(thread) ~= "dead" then
    return false, "it yielded, which a hook cannot"
  end
  return ok, problem
end

function Events:call(name, hook, event)
  local ok, problem = run(hook, event)
  if ok or self.complained[name] then return end
  self.complained[name] = true
  io.stderr:write("trailmark: the function ", name, " failed: ",
    printable.text(tostring(problem), 400), "\n")
end

-- Hooks that run, of any client of this Lua state: waiting inside one could wait for itself.
local running = 0

--- Whether a hook is running now.
function events.delivering()
  return running > 0
end

--- Delivers what has happened. Within a hook it does nothing: the outer delivery goes on.
function Events:deliver()
  if self.running then return end
  self.running, running = true, running + 1
  for event, dropped in self.handle.next_event, self.handle do
    if dropped > 0 then event.dropped = dropped end
    for _, hook in ipairs(self.hooks) do
      if hook[2] then self:call(hook[1], hook[2], event) end
    end
  end
  self.running, running = false, running - 1
end

return events
