--- A host that has only sockets to wait with, in plain Lua: what nginx's adapter does, with select.
-- The worker thread moves the calls, and coroutines wait for it at the doorbell.
--
-- It takes the place of HAProxy among the loops known by name: only these may bring a way of their
-- own to wait.

local core = require "trailmark.core"
local porter = require "trailmark.porter"
local socket = require "socket"
local testing = require "trailmark_testing"
local visitor = require "trailmark.visitor"

local NAME = "haproxy"
local LONGEST = 20 -- seconds; what takes longer has hung

local doorbell_loop = { name = NAME }

local mine = setmetatable({}, { __mode = "k" })
local soon = {}   -- coroutines to be started
local parked = {} -- coroutine -> { fd =, at = }, of which one may be missing

local function resume(thread, value)
  parked[thread] = nil
  local ok, problem = coroutine.resume(thread, value)
  if not ok then error(debug.traceback(thread, tostring(problem)), 0) end
end

local function start(f)
  local thread = coroutine.create(f)
  mine[thread] = true
  resume(thread)
end

--- Suspends the coroutine that runs; true where the descriptor became readable in time.
local function park(fd, seconds)
  parked[coroutine.running()] = { fd = fd, at = core.now() + seconds }
  return coroutine.yield()
end

-- The adapter -------------------------------------------------------------------------------------

local adapter = { new_porter = porter.new, spawn = start }

function adapter.waiter()
  local thread = coroutine.running()
  return thread and mine[thread] or nil
end

function adapter.new_waiter(_, source, stays)
  return visitor.new(adapter, source, stays)
end

function adapter.visit(address, number, at, seconds)
  local fd = testing.worker.connect(address)
  testing.process.write(fd, number:line(at))
  local answered = park(fd, seconds) and testing.process.read(fd, 0) ~= ""
  testing.process.close(fd)
  return answered or nil
end

function adapter.sleep(seconds) park(nil, seconds) end

function adapter.background(f)
  soon[#soon + 1] = f
  return true
end

function adapter.report(message) error(message, 0) end

package.preload["trailmark.loop." .. NAME] = function() return adapter end

-- The loop ----------------------------------------------------------------------------------------

--- What is waited for: objects for select, the coroutine by its object (one that is dropped goes),
-- the first time to go on.
local function waited_for()
  local list, threads, at = {}, setmetatable({}, { __mode = "v" }), math.huge
  for thread, what in pairs(parked) do
    at = math.min(at, what.at)
    if what.fd then
      local one = { getfd = function() return what.fd end, dirty = function() return false end }
      list[#list + 1], threads[one] = one, thread
    end
  end
  return list, threads, at
end

local function turn()
  local list, threads, at = waited_for()
  assert(at < math.huge, "nothing is waited for any more")
  for _, one in ipairs(socket.select(list, nil, math.max(at - core.now(), 0))) do
    if threads[one] then resume(threads[one], true) end
  end
  for thread, what in pairs(parked) do
    if what.at <= core.now() then return resume(thread, false) end -- which may change the table
  end
end

--- Ends coroutines that wait as such hosts do, by forgetting them; their connections go with them.
function doorbell_loop.drop(threads)
  for _, thread in ipairs(threads) do
    local what = parked[thread]
    if what and what.fd then testing.process.close(what.fd) end
    parked[thread] = nil
  end
end

--- Runs a function in a coroutine, and all that it starts, until the function is done.
function doorbell_loop.run(body)
  local over, last = false, core.now() + LONGEST
  start(function()
    body()
    over = true
  end)
  while not over do
    assert(core.now() < last, "the loop has not come to its end")
    local f = table.remove(soon, 1)
    if f then start(f) else turn() end
  end
end

return doorbell_loop
