--- Hands a client's events to on_event and to the log, outside of everything that could be harmed
-- by them.
--
-- The engine keeps events in a bounded ring; they are read after each wait. A hook never runs
-- within another, and an error it throws is told once on stderr and goes no further.

local common = require "trailmark.common"
local loop = require "trailmark.loop"
local members = require "trailmark.members"
local printable = require "trailmark.printable"

--- What `on_event` is told. `type` is always there, the rest where it applies.
---@class trailmark.Event
---@field type "request"|"response"|"retry"|"pace"|"key"|"error"  what happened; "pace": a call is
---  held back for the rate limit; "key": another key is used
---@field id? integer          of the call
---@field time? number         Unix time
---@field method? string       of the request
---@field url? string          of the request, without its query
---@field attempt? integer     which one, from 1 on
---@field status? integer      HTTP status
---@field kind? string         of the error: one of trailmark.error_kinds
---@field wait? number         seconds that a retry or a held-back call is going to wait
---@field elapsed? number      seconds that the attempt took
---@field request_id? string   the service's name for the request
---@field rate? trailmark.Rate  the rate limit as the answer told it, without `resets_in`
---@field reason? string       why the rate limit is not shared with other processes
---@field dropped? integer     events lost before this one, where nobody took them in time

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

--- A function that writes an event's line, or nil where the log is off.
local function writer(log, setting)
  if log == "off" or log == nil then return nil end
  local most = type(log) == "function" and WORTH.debug or WORTH[log]
  local write = type(log) == "function" and log
    or function(level, line) loop.log(setting, level, line) end
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

local listening = common("events.listening", "k")

---@param handle userdata the core's client
---@param settings table
---@return table|nil   nil where nobody listens
function events.open(handle, settings)
  if not events.wanted(settings) then return nil end
  local self = setmetatable({
    handle = handle,
    -- The log first: on_event may do with the event what it likes.
    hooks = { { "log", writer(settings.log, settings.loop) }, { "on_event", settings.on_event } },
    complained = {},
    loop = settings.loop,
    running = setmetatable({}, { __mode = "v" }),
  }, Events)
  listening[self] = true
  return self
end

-- Coroutines in which a hook runs, of any client of this Lua state: waiting inside one could wait
-- for itself.
local hooked = common("events.hooked", "k")

--- Whether this is inside of a hook.
function events.delivering()
  local thread = coroutine.running()
  return thread ~= nil and hooked[thread] == true
end

--- A hook runs in a coroutine of its own, so that one that yields cannot leave the delivery half
-- done.
local function run(hook, event)
  local thread = coroutine.create(hook)
  hooked[thread] = true
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
  loop.log(self.loop, "error", ("the function %s failed: %s"):format(name,
    printable.text(printable.raised(problem), 400)))
end

local function deliver(self, mine)
  self.running[1] = mine
  for event, dropped in function() return self.handle:next_event() end do
    if dropped > 0 then event.dropped = dropped end
    for _, hook in ipairs(self.hooks) do
      if hook[2] then self:call(hook[1], hook[2], event) end
    end
  end
end

--- Delivers what has happened. Within a hook it does nothing: the outer delivery goes on. Where a
-- host has ended the coroutine that was at it, this is forgotten with that.
function Events:deliver()
  if self.running[1] then return end
  local mine = {}
  local ok, problem = pcall(deliver, self, mine) -- a signal's handler may raise in between
  if self.running[1] == mine then self.running[1] = nil end
  if not ok then error(problem, 0) end
end

--- Delivers what has happened to any client.
function events.deliver()
  for _, self in ipairs(members(listening)) do self:deliver() end
end

return events
