--- The wait of `tm:close(grace)`: until none of a client's calls is under way, or the time is over.

local core = require "trailmark.core"
local pump = require "trailmark.pump"
local waiter = require "trailmark.waiter"

--- Wakes who waits for all of a client's calls. It has its values in fields: the locals of a
-- coroutine that nginx has ended may be another's.
local Watch = {}
Watch.__index = Watch

--- Nobody is in a function.
function Watch:next_look() end

function Watch:tend()
  if self.handle:live() == 0 then self.waiting:wake() end
end

--- Lets the calls of a client that were sent finish.
---@param client table
---@param seconds number  at most
---@param adapter? trailmark.Loop  where it yields; otherwise it blocks
---@param token any
return function(client, seconds, adapter, token)
  local over, handle = core.now() + seconds, client.handle
  if not adapter then
    handle:announce_all()
    client._key:relieve()
    pump.serve()
    while handle:live() > 0 and core.wait(over - core.now()) ~= false do pump.between() end
    return
  end
  local me = waiter.new(adapter, token, client._key)
  handle:announce_all(me.number)
  if handle:live() == 0 then return end
  local watch = setmetatable({ handle = handle, waiting = me }, Watch)
  pump.tend(watch)
  local ok, problem = me:wait(over)
  pump.untend(watch)
  if not ok then error(problem, 0) end
end
