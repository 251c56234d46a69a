--- Calls of one client that run side by side, for one who takes their results as they come: what
-- `all`, `map` and the pages are made of.
--
--     local group = group.open(client)
--     group:start("a tag", { method = "GET", path = "/contacts" })
--     local tag, data, err, response = group:next()
--
-- Whoever drops a group lets go of its calls: those that are unsent are cancelled when it is
-- collected, the others run on.

local call = require "trailmark.call"
local core = require "trailmark.core"
local loop = require "trailmark.loop"
local place = require "trailmark.place"
local pump = require "trailmark.pump"
local queue = require "trailmark.queue"
local waiter = require "trailmark.waiter"

local Group = {}
Group.__index = Group

local group = {}

---@param client trailmark.Client
---@return table
function group.open(client)
  return setmetatable({
    client = client, live = 0, calls = {}, ended = queue.new(),
    homeless = false, -- no loop runs, as far as was seen since the last wait
  }, Group)
end

--- For the pump, which may say it twice.
function Group:finished(number)
  local one = self.calls[number]
  if one then
    self.ended:push(one)
    self.calls[number] = nil
  end
  return self.waiting and self.waiting:finished()
end

--- The loop that is kept going for its calls. In a host with a doorbell it is none: there all of
-- them ring for one visitor.
local function home_of(self)
  local adapter = loop.home(self.client._loop)
  if not adapter then
    self.homeless = true
    return nil
  end
  if not adapter.new_waiter then return pump.home(adapter) end
  self.visitor = self.visitor or adapter.new_waiter(nil, self.client._key, true)
end

--- The host has ended the coroutine that waited: the calls that it waited for end with it.
local function forsake(self)
  self.waiting, self.visitor = nil, nil
end

--- Nobody else of the host is served while calls are begun and results taken one after the other.
local function rest(self)
  local me = self.visitor
  if not me or not me:is_greedy() or not loop.here(self.client._loop) then return end
  self.waiting = me
  local ok, problem = me:rest()
  self.waiting = nil
  if not ok then error(problem, 0) end
end

--- Starts a call; it has its own deadline from now on.
---@param tag any         what `next` is to call it
---@param settings table  of options.request
---@return true|nil
---@return trailmark.Error|nil  where it cannot be sent
function Group:start(tag, settings)
  if self.waiting then forsake(self) end
  rest(self)
  local client = self.client
  local handle, err = client:_begin(settings.method, settings.path, settings.query, settings.body,
    settings)
  if not handle then return nil, err end
  -- The record of one that ended, as one often has just before this.
  local one = self.spare or { nil, nil, nil, behind = false }
  self.spare = nil
  one[1], one[2], one[3] = handle, tag, settings.decode
  local number = pump.announce(handle, self, not self.homeless and home_of(self) or nil)
  if number then self.calls[number] = one else self.ended:push(one) end
  self.live = self.live + 1
  if self.visitor then
    self.visitor:expect(handle)
    core.wake()
  end
  return true
end

local function suspended(self, adapter, token, at)
  local me = self.visitor or waiter.new(adapter, token, self.client._key)
  self.waiting = me
  local ok, problem = me:wait(at)
  self.waiting = nil
  if not ok then error(problem, 0) end
end

--- One that has ended, straight from the core, while no loop runs.
local function take(self)
  local number = pump.take_one(self)
  if not number then return nil end
  local one = self.calls[number]
  self.calls[number] = nil
  return one
end

local function block(self, at)
  self.client._key:relieve()
  pump.serve()
  local over = false
  while not over and self.ended.count == 0 do
    over = core.wait(at and at - core.now()) == false
    local one = take(self)
    if one then self.ended:push(one) end -- where it stays, whatever raises
    pump.between(true)
  end
end

--- What ends this wait early (Ctrl-C, say) ends the calls, too.
local function blocked(self, at)
  local ok, problem = pcall(block, self, at)
  if ok then return end
  self:cancel()
  error(problem, 0)
end

local function wait(self, at)
  self.homeless = false -- who goes on may do so elsewhere
  local adapter, token = place.here(self.client, 4)
  if adapter then
    repeat suspended(self, adapter, token, at) until self.ended.count > 0 or at and core.now() >= at
  else
    blocked(self, at)
  end
end

--- The next call that has ended; nil when the time is over, or when nothing is under way.
-- In a coroutine of an event loop it yields, otherwise it blocks.
---@param seconds? number  at most
---@return any tag
---@return any data
---@return trailmark.Error|nil
---@return trailmark.Response|nil
function Group:next(seconds)
  if self.live == 0 then return nil end
  rest(self)
  local one
  if self.ended.count == 0 then
    one = self.homeless and take(self)
    if not one then wait(self, seconds and core.now() + seconds) end
  end
  one = one or self.ended:pop()
  if not one then return nil end
  self.live = self.live - 1
  if self.live == 0 and self.visitor then
    self.visitor:leave()
    self.visitor = nil
  end
  local handle, tag, decode = one[1], one[2], one[3]
  one[1], one[2], self.spare = nil, nil, one
  local data, err, response = call.finish(self.client, handle, decode)
  handle:forget()
  return tag, data, err, response
end

--- Ends what is under way; `next` gives the results, of kind "cancelled" or, where the time of all
-- is over, "timeout".
---@param why? "timeout"
function Group:cancel(why)
  for _, one in pairs(self.calls) do one[1]:cancel(why) end
end

--- Ends what nothing was sent of yet; the rest goes on.
function Group:drop()
  for _, one in pairs(self.calls) do one[1]:drop() end
end

return group
