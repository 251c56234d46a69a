--- How well a loop keeps its other appointments while many calls are under way in it. For a process
-- of its own, which prints five numbers: the seconds that COUNT calls took together, at first (each
-- of them connects) and at worst; and, in milliseconds, the 99th percentile of how late a ticker of
-- 10 ms was, without a call and with them, and of that what this process itself used the processor.

local core = require "trailmark.core"
local hosts = require "spec.support.loops.hosts"
local trailmark = require "trailmark"

local COUNT, TICK = 200, 0.01

local function p99(values)
  table.sort(values)
  return values[math.ceil(#values * 0.99)]
end

--- Ticks in a coroutine of the loop until `is_over()`; how late, in milliseconds, goes to `list`.
local function tick(host, list, is_over)
  host.go(function()
    while not is_over() do
      local due, used = core.now() + TICK, os.clock() + TICK
      host.pause(TICK)
      list[#list + 1] = (core.now() - due) * 1000
      list.own[#list] = (os.clock() - used) * 1000
    end
  end)
end

local function rest(host, list, seconds)
  local over = core.now() + seconds
  tick(host, list, function() return core.now() >= over end)
  host.run()
end

local function work(host, list, tm)
  local began, left, took = core.now(), COUNT, nil
  tick(host, list, function() return left == 0 end)
  for _ = 1, COUNT do
    host.go(function()
      assert(tm:get "/contacts/ct_000001")
      left = left - 1
      took = core.now() - began
    end)
  end
  host.run()
  return took
end

---@param name string  of a host
---@param rounds integer
return function(name, rounds)
  local host = hosts[name]()
  local tm = assert(trailmark.new { concurrency = COUNT, pace = "off", loop = host.loop })
  local alone, beside, seconds = { own = {} }, { own = {} }, {}
  for round = 1, rounds do
    seconds[round] = work(host, beside, tm)
    rest(host, alone, seconds[round])
  end
  local first = table.remove(seconds, 1)
  table.sort(seconds)
  local worst = math.max(first, seconds[#seconds])
  local numbers = { first, worst, p99(alone), p99(beside), p99(beside.own) }
  io.stdout:write(("%.4f %.4f %.3f %.3f %.3f\n"):format((unpack or table.unpack)(numbers)))
  io.stdout:flush()
end
