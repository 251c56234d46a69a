--- copas: coroutines on LuaSocket's select.
--
-- What select is given for a descriptor is an object with a `getfd`. One whose `dirty` is true
-- counts as readable, so that is how a watch comes to its end.

local copas = require "copas"
local running = require "trailmark.loop.thread"

-- Before 2.0 copas has no sleepers. It puts a coroutine that yields two values into the queue that
-- the second one is, so ours takes it; and addthread resumes a coroutine.
local queue = {
  insert = function() end,
  push = function(_, token, thread) token.thread = thread end,
}

local adapter = {}

function adapter.waiter()
  local thread = running()
  return thread and { thread = thread }
end

function adapter.suspend(token)
  if copas.wakeup then copas.sleep(-1) else coroutine.yield(token, queue) end
end

function adapter.resume(token)
  if copas.wakeup then copas.wakeup(token.thread) else copas.addthread(token.thread) end
end

function adapter.watch(fd, step)
  local watched, waited = true, true
  local source = {
    getfd = function() return fd end,
    dirty = function() return not watched end,
    close = function() end, -- copas closes what a coroutine that ends has waited for
    receive = function()
      waited = not waited
      if waited then return true end
      return nil, "timeout" -- so copas waits first
    end,
  }
  copas.addthread(function()
    while watched do
      copas.receive(source)
      if watched then step() end
    end
  end)
  return function() watched = false end
end

function adapter.spawn(f) copas.addthread(f) end

--- An error goes where those of other threads go: to copas's error handler.
function adapter.report(message)
  copas.addthread(function() error(message, 0) end)
end

return adapter
