--- The smallest event loop: it watches one descriptor, and its coroutines are those it was given.
--
--     local loop = hand_loop.new()
--     local tm = trailmark.new { loop = loop.adapter, ... }
--     loop:go(function() print(tm:get "/a") end)
--     loop:run()                    -- until nothing is under way any more

local socket = require "socket"

local LONGEST = 20 -- seconds

local Loop = {}
Loop.__index = Loop

local hand_loop = {}

function hand_loop.new()
  local self = setmetatable({
    mine = setmetatable({}, { __mode = "k" }), watches = 0, stops = 0, suspended = 0,
  }, Loop)
  self.adapter = {
    waiter = function()
      local thread = coroutine.running()
      return self.mine[thread or self] and thread
    end,
    suspend = function()
      self.suspended = self.suspended + 1
      coroutine.yield()
    end,
    resume = function(thread) self:resume(thread) end,
    spawn = function(f) self:go(f) end,
    watch = function(fd, step)
      local function stop() self.stops, self.step = self.stops + 1, nil end
      self.watches, self.fd, self.step = self.watches + 1, fd, step
      return stop
    end,
  }
  return self
end

function Loop:resume(thread)
  local ok, problem = coroutine.resume(thread)
  if not ok then error(debug.traceback(thread, tostring(problem)), 0) end
end

--- Runs a function in a coroutine of this loop; returns that.
function Loop:go(f)
  local thread = coroutine.create(f)
  self.mine[thread] = true
  self:resume(thread)
  return thread
end

--- Whether the descriptor is readable, within so many seconds.
function Loop:readable(seconds)
  local one = { getfd = function() return self.fd end, dirty = function() return false end }
  return #socket.select({ one }, nil, seconds or 0) == 1
end

--- One turn, when there is something to do.
function Loop:turn()
  if self:readable(0.2) then self.step() end
end

--- Until this is true, or nothing of ours is under way.
function Loop:run(is_true)
  local over = socket.gettime() + LONGEST
  while self.step and not (is_true and is_true()) do
    self:turn()
    if socket.gettime() > over then error("the loop has not come to its end", 2) end
  end
end

return hand_loop
