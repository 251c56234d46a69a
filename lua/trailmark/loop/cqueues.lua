--- cqueues: each controller is a loop of its own, and one may run inside another.
--
-- A coroutine waits for a condition. Where it is not the controller's own (a generator inside of
-- one, say) a yield would go to somebody else, so calls block there.

local condition = require "cqueues.condition"
local cqueues = require "cqueues"

local function waiter()
  local _, is_own = cqueues.running()
  return is_own and condition.new() or nil
end

local function suspend(token) token:wait() end

local function resume(token) token:signal() end

--- A coroutine of the controller's polls the descriptor. cqueues keeps it in its own set of
-- descriptors until it is told otherwise, so its end takes it out.
local function watch(fd, step, controller)
  local watched = true
  controller:wrap(function()
    local event = { pollfd = fd, events = "r" }
    while watched do
      cqueues.poll(event)
      if watched then step() end
    end
  end)
  return function()
    watched = false
    cqueues.cancel(fd)
  end
end

local function spawn(f, controller) controller:wrap(f) end

--- An error comes out of the controller's step, as those of its coroutines do.
local function report(message, controller)
  controller:wrap(function() error(message, 0) end)
end

--- The controller that runs; nil outside of all of them.
local function key() return (cqueues.running()) end

return {
  waiter = waiter, suspend = suspend, resume = resume, watch = watch, spawn = spawn,
  report = report, key = key,
}
