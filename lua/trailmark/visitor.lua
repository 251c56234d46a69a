--- One coroutine that waits at the doorbell, in a host that has only sockets to wait with.
--
-- Calls are moved by a thread of their own, the worker. Who waits for one sends a line to a private
-- socket and reads one: the doorbell, which the worker rings when a call of this visitor's has
-- ended, or when somebody here has poked it. Whoever is rung for takes in all that is ready for
-- this Lua state; each visitor's line tells what was known when it was written, so that no ring is
-- lost on one who was woken before. Used as waiter.lua is.
--
-- The host is an adapter with `visit(address, number, at, seconds)`, which sends `number:line(at)`
-- and returns true once it was answered; else, or after so many seconds, nil and why. A connection
-- that was not answered has to be closed, for its end is what tells the worker that nobody waits
-- any more: the calls are cancelled then. Where `at` is nil, and on the connection that `number`
-- was last answered on, `number:listen()` does instead of the line, and spares the worker one to
-- read; false: there is news already. With `sleep(seconds)`, for when there is no connection to be
-- had. `greedy` where the host serves nobody else until a coroutine waits.
--
-- A host that ends coroutines and closes what they had open may tell of it before they are
-- collected: `guard(address, who)` opens a connection that nothing is sent on, until
-- `unguard(who)`, and `has_left(who)` is true once the host has closed that, or the one that `who`,
-- a number, waits on.

local core = require "trailmark.core"
local place = require "trailmark.place"
local pump = require "trailmark.pump"

local Visitor = {}
Visitor.__index = Visitor

local LONGEST = 3700          -- seconds: no call lasts as long
local LATE = 10               -- how much longer than its ring a connection waits, in seconds
local SHY, SHYEST = 0.001, 0.05 -- seconds between looks where the doorbell cannot be reached
local TURN = 0.001            -- seconds that one may keep a greedy host from serving others
local KEPT = 256              -- numbers that nobody waits under, and so their connections

-- The numbers that visitors wait under are used again. That of a coroutine which the host has ended
-- does not come back here: it is collected, and its calls are cancelled.
local spare, spares = {}, 0

local function take_number()
  if spares == 0 then return core.waiter() end
  local number = spare[spares]
  spare[spares], spares = nil, spares - 1
  return number
end

---@param adapter table
---@param source? table of the keys whose functions it may be asked to call meanwhile
---@param stays? boolean  it waits more than once, until it leaves
---@return table
local function new(adapter, source, stays)
  -- With all its fields: a table that grows costs more.
  return setmetatable({
    adapter = adapter, source = source or false, stays = stays or false, number = take_number(),
    woken = false, waits = false, hears = false, question = false, shy = false, turn_began = false,
  }, Visitor)
end

--- Whether a number, and its connection, is kept when it is left now.
local function has_room()
  return spares < KEPT
end

--- Nobody waits under its number any more.
function Visitor:leave()
  if self.shares then self.number:share(nil) end
  if has_room() then
    spares = spares + 1
    spare[spares] = self.number
  end
  self.number = false
end

--- From now on the doorbell rings for it when this call ends. The call has been announced.
function Visitor:expect(handle)
  if not handle:await(self.number) then pump.take_in() end
end

--- It rings for another; when the last has left who shares the call, that is cancelled.
function Visitor:share(handle)
  self.number:share(handle:id())
  self.shares = true
end

--- No longer; for the other one instead, where there is one.
function Visitor:forgo(handle, other)
  if other then other:expect(handle) else handle:await(nil) end
end

--- The call that it is the owner of has ended. Its doorbell rings without our doing.
function Visitor:finished()
  self.woken = true
  return nil
end

--- Wakes it, from wherever.
function Visitor:wake()
  self.woken = true
  if self.waits then self.number:poke() end
end

--- Wakes it to ask for a key first, in its own coroutine; false where it is waking up already.
function Visitor:ask(which)
  if not (self.waits or self.hears) or self.woken or self.question then return false end
  self.question = which
  if self.waits then self.number:poke() end
  return true
end

--- Its host has ended its coroutine: its calls end, as nobody waits for them.
function Visitor:forsake()
  self.waits, self.hears = false, false
  self.number:lose()
end

--- There is something for it to look at, and then to wait on.
function Visitor:look()
  if self.waits then self.number:poke() end
end

--- When it rings for itself. The porter, who stays and has no source, looks after all of them.
local function due(self, at)
  local look_at
  if self.source then
    look_at = self.source:next_look()
  elseif self.stays then
    look_at = pump.next_look()
  end
  return look_at and (not at or look_at < at) and look_at or at
end

-- What is known is noted first: whatever comes while the connection is made is answered at once.
local function visit(self, at)
  local number = self.number
  local address = number:ask()
  at = due(self, at)
  local seconds = at and math.max(at - core.now(), 0) + LATE or LONGEST
  if self.adapter.visit(address, number, at, seconds) then
    self.shy = false
    return
  end
  core.wake() -- the doorbell would have
  self.shy = math.min((self.shy or SHY / 2) * 2, SHYEST)
  self.adapter.sleep(self.shy)
end

local function answer(self, seat)
  local which = self.question
  if not which then return end
  self.source:answer(which, seat)
  self.question = false
end

local function wait_once(self, at, seat)
  self.waits = true
  local ok, problem = place.try(visit, self, at)
  self.waits = false
  if not ok then return false, problem end
  self.hears = true
  pump.hear(pump.home(self.adapter))
  self.hears = false
  answer(self, seat)
  if self.stays then self.turn_began = core.now() end
  return true
end

local function wait(self, at, seat)
  while not self.woken and not (at and core.now() >= at) do
    local ok, problem = wait_once(self, at, seat)
    if not ok then return false, problem end
  end
  return true
end

local function with_seat(self, f, at)
  local seat = self.source and self.source:join(self)
  local ok, problem = f(self, at, seat)
  if seat then self.source:leave(seat) end
  return ok, problem
end

--- Whether others ought to be served, before it goes on with what it does a thousand times.
function Visitor:is_greedy()
  if not self.adapter.greedy then return false end
  local now = core.now()
  self.turn_began = self.turn_began or now
  return now >= self.turn_began + TURN
end

--- Lets others be served for as long as a ring takes. This is a wait: where its coroutine is ended
-- here, its calls end, too.
---@return boolean ok
---@return any problem  as of `wait`
function Visitor:rest()
  return with_seat(self, wait_once, core.now())
end

--- Suspends the coroutine until it is woken, or `at` has come.
---@param at? number  on the clock of core.now
---@return boolean ok
---@return any problem  why the coroutine could not be suspended
function Visitor:wait(at)
  if self.stays then self.woken = false end
  local ok, problem = with_seat(self, wait, at)
  if not self.stays then self:leave() end
  return ok, problem
end

return { new = new, has_room = has_room }
