--- Who waits at the doorbell for the calls that have callbacks, and runs these: a coroutine in the
-- background of its host, there while any is under way.
--
-- To the pump it is what a watch on the engine's descriptor is in other loops. The host's adapter
-- has `background(f)`, which runs `f` in a coroutine that belongs to nobody's request, soon; else
-- it returns nil and why.

local core = require "trailmark.core"
local pump = require "trailmark.pump"
local queue = require "trailmark.queue"
local visitor = require "trailmark.visitor"

local Porter = {}
Porter.__index = Porter

local MANY = 1000 -- callbacks: what they leave in the background coroutine goes with it
local SOON = 1    -- seconds; a host that has not begun by then has forgotten

---@param adapter table
---@param home table  of the pump
local function new(adapter, home)
  return setmetatable({ adapter = adapter, home = home, tasks = queue.new() }, Porter)
end

--- Made when it first has to wait: whoever is to hear that no call could be begun needs none.
local function visitor_of(self)
  self.visitor = self.visitor or visitor.new(self.adapter, nil, true)
  return self.visitor
end

local function serve(self)
  local served = 0
  while self.home.live > 0 and served < MANY do
    if self.tasks.count > 0 then
      served = served + 1
      pump.run(self.tasks)
    else
      local ok, problem = visitor_of(self):wait()
      if not ok then error(problem, 0) end
    end
  end
end

local function work(self)
  self.begun = true
  local ok, problem = pcall(serve, self)
  self.asked_at, self.begun = nil, nil
  if not ok then pump.tell({ home = self.home }, problem) end
  if self.home.live > 0 then self:begin() end
end

--- Something is under way: it comes, unless it is there.
function Porter:begin()
  local now = core.now()
  if self.asked_at and (self.begun or now < self.asked_at + SOON) then return end
  self.asked_at = now
  local ok, why = self.adapter.background(function() work(self) end)
  if ok then return end
  self.asked_at = nil
  pump.tell({ home = self.home }, "callbacks cannot be run now: " .. tostring(why))
end

--- Its doorbell rings for a call that has been announced.
function Porter:expect(handle)
  visitor_of(self):expect(handle)
end

--- A task to be run.
function Porter:take(task)
  self.tasks:push(task)
  if self.visitor then self.visitor:wake() end
end

--- There is something for it to look at, and then to wait on.
function Porter:look()
  if self.visitor then self.visitor:look() end
end

--- Nothing is under way any more.
function Porter:rest()
  if self.begun and self.visitor then self.visitor:wake() end
end

return { new = new }
