--- One coroutine of a host's loop that waits: for a call, for one of a group, or for a time.
--
-- It is the pump that decides when it goes on; the adapter only knows how. A host may wake it
-- early: it looks, and waits again. A program may close it (coroutine.close, on 5.4): then nobody
-- waits here any more.

local common = require "trailmark.common"
local place = require "trailmark.place"
local pump = require "trailmark.pump"

local Waiter = {}
Waiter.__index = Waiter

local held = common "waiter.held" -- the suspended: nobody else may hold their coroutine

---@param adapter trailmark.Loop
---@param token any     what the adapter calls the coroutine that runs
---@param source? table of the keys whose functions it may be asked to call meanwhile
---@return table
local function new(adapter, token, source)
  if adapter.new_waiter then return adapter.new_waiter(token, source) end
  -- With all its fields: waking it up, and its end, shall need no memory.
  return setmetatable({
    adapter = adapter, token = token, source = source or false, home = pump.home(adapter),
    thread = coroutine.running() or false,
    behind = false, alarm = false, entered = false, suspended = false, woken = false,
    question = false, seat = false,
  }, Waiter)
end

--- The engine tells of each call that was announced, so nothing has to be done here for one more.
function Waiter:expect() end

--- Nor for one less.
function Waiter:forgo() end

--- The call that it is the owner of has ended: the task that wakes it, or nil.
function Waiter:finished()
  self.woken = true
  return self.suspended and self or nil
end

--- Wakes it, from wherever.
function Waiter:wake()
  local task = self:finished()
  if task then pump.push(task, self.home) end
end

local function is_closed(self)
  return self.thread and coroutine.status(self.thread) == "dead"
end

--- Wakes it to ask for a key first, in its own coroutine; false where it is waking up already, or
-- never will.
function Waiter:ask(which)
  if not self.suspended or self.behind or self.question or is_closed(self) then return false end
  pump.push(self, self.home)
  self.question = which
  return true
end

--- Nothing is under way for it any more.
local function release(self)
  local seat = held[self] and self.seat
  held[self] = nil
  if self.alarm then pump.unset_alarm(self.alarm) end
  self.alarm = false
  if self.entered then
    self.entered = false
    pump.leave(self.home)
  end
  if seat then self.source:leave(seat) end
end

--- Its coroutine was closed inside of a function that gives a key.
function Waiter:forsake()
  self.woken = true
  release(self)
end

--- The task. Once it is woken it is its host's alone: where that has dropped the coroutine, nothing
-- of ours keeps the loop going for it.
function Waiter:run()
  if not self.suspended then return end
  local closed = is_closed(self)
  if self.woken or closed then release(self) end
  if closed then return end
  self.adapter.resume(self.token)
end

--- Its host did not let it go on: somebody else is to ask for the key.
function Waiter:missed()
  if not (self.suspended and self.question) then return end
  local seat = self.seat
  self.question, self.seat = false, false
  self.source:leave(seat)
end

local function suspend(self)
  self.suspended = true
  local ok, problem = place.try(self.adapter.suspend, self.token)
  self.suspended = false
  return ok, problem
end

local function answer(self)
  self.source:answer(self.question, self.seat)
end

local function wait(self)
  while not self.woken do
    local ok, problem = suspend(self)
    if ok and self.question then ok, problem = pcall(answer, self) end
    self.question = false
    if not ok then return false, problem end
  end
  return true
end

local function begin(self, at)
  held[self] = true
  self.seat = self.source and self.source:join(self)
  if at then self.alarm = pump.set_alarm(at, self) end
  pump.enter(self.home)
  self.entered = true
end

--- Suspends the coroutine until it is woken, or `at` has come.
---@param at? number  on the clock of core.now
---@return boolean ok
---@return any problem  why the coroutine could not be suspended, or was ended
function Waiter:wait(at)
  if self.woken then return true end
  local begun, problem = pcall(begin, self, at)
  local ok = begun
  if begun then ok, problem = wait(self) end
  release(self)
  return ok, problem
end

return { new = new }
