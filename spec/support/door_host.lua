--- A host with a doorbell in plain Lua: one that may only wait on sockets, and has one coroutine.
--
--     local host = door_host.new()
--     local tm = host:client { base_url = ... }     -- the worker's thread moves its calls
--
-- What is to run in the background waits in `host.later` until `host:run_later()`.

local core = require "trailmark.core"
local porter = require "trailmark.porter"
local testing = require "trailmark_testing"
local trailmark = require "trailmark"
local visitor = require "trailmark.visitor"

local process = testing.process

local Host = {}
Host.__index = Host

local door_host = {}

function door_host.new()
  local self = setmetatable({ visits = {}, later = {}, naps = 0, told = {} }, Host)
  self.adapter = {
    waiter = function() return true end,
    new_waiter = function(_, source, stays) return visitor.new(self.adapter, source, stays) end,
    new_porter = porter.new,
    visit = function(address, number, at, seconds)
      local line = number:line(at)
      self.visits[#self.visits + 1] = line
      if self.closed then return nil, "the door is closed" end
      local fd = testing.worker.connect(address)
      process.write(fd, line)
      local said = process.read(fd, seconds)
      process.close(fd)
      return said ~= nil and said ~= ""
    end,
    sleep = function(seconds)
      self.naps = self.naps + 1
      core.sleep(seconds)
    end,
    background = function(f)
      if self.full then return nil, "too many timers" end
      self.later[#self.later + 1] = f
      return true
    end,
    spawn = function(f) f() end,
    report = function(message) self.told[#self.told + 1] = message end,
  }
  return self
end

function Host:client(settings)
  local all = { key = "tm_live_0123456789abcdef", pace = "off", loop = "blocking" }
  for name, value in pairs(settings) do all[name] = value end
  local tm = trailmark.assert(trailmark.new(all))
  tm._loop = self.adapter
  return tm
end

function Host:run_later()
  local later = self.later
  self.later = {}
  for _, f in ipairs(later) do f() end
end

return door_host
