--- A call under way, as `tm:send` returns it.

local call = require "trailmark.call"
local common = require "trailmark.common"
local core = require "trailmark.core"
local errors = require "trailmark.errors"
local is_exhaustion = require "trailmark.exhaustion"
local is_interruption = require "trailmark.interruption"
local loop = require "trailmark.loop"
local place = require "trailmark.place"
local printable = require "trailmark.printable"
local pump = require "trailmark.pump"
local waiter = require "trailmark.waiter"

--- A call under way.
---@class trailmark.Call
local Call = {}
Call.__index = Call
Call.__name = "trailmark.Call"
Call.__metatable = false

local function check_self(self)
  if type(self) == "table" and (self.ended or self.handle) then return end
  error("trailmark: the methods of a call are called with a colon, as in call:wait()", 3)
end

local held = common "sent.held" -- those whose callback is to come

local sent = {}

--- To the worker's thread, which is woken now, for it may be long before anybody waits. Somebody
-- has to be rung where there is a callback to run, a hook to tell, or a function to ask for a key.
local function give(self, home)
  pump.take_in()
  local has_ear = self.callback or self.client._events
  if has_ear or self.client._key:asks() then
    if pump.announce(self.handle, self, home) then
      self.porter = home.porter
      if has_ear then self.minder = home.porter end
      home.porter:expect(self.handle)
    elseif self.callback then -- it has ended already: the thread does not wait for us
      pump.push(self, home)
    end
  end
  core.wake()
end

--- Takes a call over that has just begun.
---@param client table
---@param handle userdata
---@param decode? boolean
---@param callback? fun(data: any, err?: trailmark.Error, response?: trailmark.Response)
---@return trailmark.Call
function sent.new(client, handle, decode, callback)
  local self -- thousands may wait, so they have what they need and no more
  if callback then
    self = { client = client, handle = handle, callback = callback, behind = false }
  else
    self = { client = client, handle = handle }
  end
  setmetatable(self, Call)
  if decode ~= nil then self.decode = decode end
  local adapter = loop.home(client._loop)
  local home = adapter and pump.home(adapter) or nil
  if callback then held[self] = true end
  if home and home.porter then
    give(self, home)
  elseif callback or home then
    pump.announce(handle, self, home)
  end
  return self
end

--- A call that could not begin: its result is there at once, and its callback runs soon.
---@return trailmark.Call
function sent.failed(client, err, callback)
  local self = setmetatable({ err = err, ended = true, callback = callback, behind = false }, Call)
  if not callback then return self end
  local adapter = loop.home(client._loop)
  pump.push(self, adapter and pump.home(adapter) or nil) -- raises where no loop can run it
  held[self] = true
  return self
end

-- Its end -----------------------------------------------------------------------------------------

--- Reads the result once; a second wait returns the same values.
local function values(self)
  if not self.ended then
    local handle = self.handle
    self.data, self.err, self.response = call.finish(self.client, handle, self.decode)
    self.ended, self.handle, self.client = true, nil, nil
    handle:forget()
  end
  return self.data, self.err, self.response
end

---@package
--- For the pump: it wakes those who wait, and is the task that runs the callback.
function Call:finished()
  if self.waiters then
    for waiting in pairs(self.waiters) do waiting:wake() end
  end
  return self.callback and self or nil
end

local function name(err, response)
  local path = err and err.path or response.url:gsub("^%a[%w+.-]*://[^/?]*", ""):gsub("%?.*", "")
  return (err or response).method .. " " .. printable.text(path, 200)
end

--- At the end of the Lua state its handle may be gone before it, and its result with that.
local function is_gone(self)
  if self.ended then return false end
  local ok, problem = pcall(self.handle.id, self.handle)
  return not ok and not is_exhaustion(problem)
end

-- Takes room on the stack, as the callback is going to: where there is no memory for it, the
-- callback was not called yet, and will be.
local function make_room()
  return select("#", nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil)
end

---@package
--- In a coroutine of the loop, where there is one, so that the callback can wait as others do.
-- Where memory runs out before the callback could be called, this is run again.
function Call:run()
  local callback, home = self.callback, self.home
  if not callback or is_gone(self) then return end
  local data, err, response = values(self)
  local function report(problem)
    if self.callback or is_interruption(problem) then error(problem, 0) end
    pump.tell(self, ("the callback of %s failed: %s"):format(name(err, response),
      printable.raised(problem)))
  end
  local function call_back()
    make_room()
    self.callback, held[self] = nil, nil
    callback(data, err, response)
  end
  if home then return place.spawn(home, call_back, report) end
  local ok, problem = pcall(call_back)
  if not ok then report(problem) end
end

-- What the caller does with it --------------------------------------------------------------------

local function pending(self, seconds)
  local fields = self.handle:failure("pending",
    ("still under way after a wait of %s"):format(printable.seconds(seconds)))
  fields.outcome = fields.attempts > 0 and "unknown" or "not_sent"
  fields.elapsed, fields.time = nil, nil
  return nil, errors.new(fields)
end

--- It lives on when one of those leaves who wait for it.
local function mind(self)
  if self.minder then return end
  local home = pump.home(loop.home(self.client._loop))
  if not home.porter or not pump.announce(self.handle, self, home) then return end
  self.minder = home.porter
  home.porter:expect(self.handle)
  for waiting in pairs(self.waiters) do waiting:share(self.handle) end
end

--- The doorbell rings for the one who waits; or for the minder, and then the call ends with the
-- last of those who wait, unless it has a callback.
local function expect(self, me)
  if not self.minder then
    me:expect(self.handle)
  elseif not self.callback then
    me:share(self.handle)
  end
end

local function suspended(self, adapter, token, at)
  local me = waiter.new(adapter, token, self.client._key)
  if not pump.announce(self.handle, self, me.home) then return true end
  self.waiters = self.waiters or {}
  if next(self.waiters) then mind(self) end
  self.waiters[me] = true
  expect(self, me)
  local ok, problem = me:wait(at)
  self.waiters[me] = nil
  if not ok then error(problem, 0) end
  local done = self.ended or self.handle:done()
  if not done then me:forgo(self.handle, self.minder or next(self.waiters) or self.porter) end
  return done
end

local function blocked(self, at)
  self.client._key:relieve()
  pump.serve()
  while not self:done() do
    local over = self.handle:wait(at and at - core.now()) == false
    pump.between() -- where its callback may run
    if over then return self:done() end
  end
  return true
end

--- Waits until the call has ended, and returns its result; a second wait returns the same.
-- In a coroutine of an event loop it yields, otherwise it blocks.
---@param seconds? number  seconds at most; then the error is of kind "pending", and the call
---  goes on
---@return any data  what tm:request returns
---@return trailmark.Error|nil err
---@return trailmark.Response|nil response
function Call:wait(seconds)
  check_self(self)
  place.check_seconds(seconds, "call:wait: the time", 2)
  if self.ended then return values(self) end
  if self.handle:done() then return values(self) end
  place.check(self.client, 2)
  local at = seconds and core.now() + seconds
  local adapter, token = place.here(self.client, 2)
  local done
  if adapter then done = suspended(self, adapter, token, at) else done = blocked(self, at) end
  if not done then return pending(self, seconds) end
  return values(self)
end

--- Whether it has ended.
---@return boolean done
function Call:done()
  check_self(self)
  return self.ended or self.handle:done()
end

--- Ends it now, unless it has ended: its result is an error of kind "cancelled", whose `outcome`
-- tells whether the service may have acted.
function Call:cancel()
  check_self(self)
  if not self.ended then self.handle:cancel() end
end

function Call:__tostring()
  return "trailmark.Call (" .. (self:done() and "done" or "under way") .. ")"
end

return sent
