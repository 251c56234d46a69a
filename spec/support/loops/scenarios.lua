--- What must hold in every event loop. Each is run in a process that has the loop (run.lua):
--
--     scenario.run(host, world)
--
-- `host` is one of hosts.lua. `world` makes clients of the gate server and of the sandbox.

local core = require "trailmark.core"
local place = require "trailmark.place"

local scenarios = {}

local function scenario(name, run) scenarios[#scenarios + 1] = { name = name, run = run } end

local function same(expected, got)
  if expected ~= got then
    error(("expected %s, got %s"):format(tostring(expected), tostring(got)), 2)
  end
end

--- Appends; the value may have been waited for.
local function add(list, value) list[#list + 1] = value end

--- Lets the loop go on until so many requests are held.
local function await(host, world, count)
  while #world.gate:held() ~= count do host.pause(0.002) end
end

-- Waiting -----------------------------------------------------------------------------------------

scenario("yields in a coroutine, and others go on", function(host, world)
  local tm, order = world.client(), {}
  host.go(function()
    add(order, "asks")
    add(order, tm:get("/hold/1").path)
  end)
  host.go(function()
    await(host, world, 1)
    add(order, "meanwhile")
    world.gate:release()
  end)
  same("asks", order[1] or "asks") -- some loops start coroutines at once, some do not
  host.run()
  same("asks meanwhile /hold/1", table.concat(order, " "))
end)

scenario("blocks outside of a coroutine", function(host, world)
  local tm, ticks = world.client(), 0
  host.go(function()
    host.pause(0.001)
    ticks = ticks + 1
  end)
  same("/a", tm:get("/a").path)
  tm:sleep(0.01)
  same(2, #tm:all { { path = "/a" }, { path = "/b" } })
  same(0, ticks)
  host.run()
  same(1, ticks)
end)

scenario("lets the loop end, be left and run again", function(host, world)
  local tm, got = world.client(), 0
  for round = 1, 3 do
    for _ = 1, 4 do
      host.go(function()
        assert(tm:get "/a")
        got = got + 1
      end)
    end
    host.run()
    same(4 * round, got)
    same("/b", tm:get("/b").path)
  end
end)

scenario("side by side are as many as concurrency says", function(host, world)
  local tm, got = world.client { concurrency = 5 }, 0
  for i = 1, 12 do
    host.go(function()
      assert(tm:get("/hold/" .. i))
      got = got + 1
    end)
  end
  host.go(function()
    await(host, world, 5)
    host.pause(0.02)
    same(5, #world.gate:held())
    world.gate:open()
  end)
  host.run()
  same(12, got)
  same(5, world.gate:most())
end)

scenario("sleeps in the loop's way", function(host, world)
  local tm, slept, ticks = world.client(), 0, 0
  for _, time in ipairs { 0.05, 0.01, 0.03 } do
    host.go(function()
      local began = core.now()
      tm:sleep(time)
      assert(core.now() - began >= time - 0.001)
      slept = slept + 1
    end)
  end
  host.go(function()
    while slept < 3 do
      host.pause(0.001)
      ticks = ticks + 1
    end
  end)
  host.run()
  same(3, slept)
  assert(ticks > 0) -- its first was due before any of the sleeps' ends
end)

scenario("fails as it does elsewhere", function(host, world)
  local tm, kinds = world.client(), {}
  host.go(function() kinds[1] = select(2, tm:get "/status/404").kind end)
  host.go(function() kinds[2] = select(2, tm:get("/hold", nil, { timeout = 0.05 })).kind end)
  host.go(function() kinds[3] = select(2, tm:get "/a\1").kind end)
  host.run()
  same("not_found timeout argument", table.concat(kinds, " "))
end)

-- send --------------------------------------------------------------------------------------------

scenario("with a callback tells it in the loop, where it may wait", function(host, world)
  local tm, order = world.client(), {}
  host.go(function()
    tm:send({ path = "/a" }, function(data)
      add(order, data.path)
      add(order, tm:get("/hold/b").path)
    end)
    tm:send({ path = "/c\1" }, function(_, err) add(order, err.kind) end)
    add(order, "sent")
    await(host, world, 1)
    tm:send({ path = "/d" }, function(data)
      add(order, data.path)
      world.gate:open()
    end)
  end)
  host.run(function() return #order == 5 end)
  if order[2] == "/a" then order[2], order[3] = order[3], order[2] end
  same("sent argument /a /d /hold/b", table.concat(order, " "))
end)

scenario("can be waited for by several, for a time, and cancelled", function(host, world)
  local tm, said = world.client(), {}
  host.go(function()
    local call = tm:send { path = "/hold/1" }
    local _, pending = call:wait(0.02)
    add(said, pending.kind)
    host.go(function() add(said, call:wait().path) end)
    host.go(function() add(said, call:wait().path) end)
    await(host, world, 1)
    world.gate:release()
    call:wait()
    local other = tm:send { path = "/hold/2" }
    host.go(function()
      await(host, world, 1)
      other:cancel()
    end)
    add(said, select(2, other:wait()).kind)
  end)
  host.run()
  same("pending /hold/1 /hold/1 cancelled", table.concat(said, " "))
end)

-- Batches and lists -------------------------------------------------------------------------------

scenario("of all and map is made side by side; their functions may wait", function(host, world)
  local tm, ticks, over = world.client { concurrency = 4 }, 0, false
  host.go(function()
    while not over do
      host.pause(0.001)
      ticks = ticks + 1
    end
  end)
  host.go(function()
    local both = tm:all { { path = "/a" }, { path = "/status/404" } }
    same("/a", both[1].data.path)
    same("not_found", both[2].err.kind)
    local seen = 0
    local results, summary = tm:map({ 1, 2, 3, 4, 5, 6, 7, 8 }, function(i)
      if i == 3 then assert(tm:get "/needed") end
      return { path = "/" .. i }
    end, {
      on_result = function()
        host.pause(0.002)
        seen = seen + 1
      end,
    })
    same(8, summary.done)
    same(8, seen)
    for i = 1, 8 do same("/" .. i, results[i].data.path) end
    over = true
  end)
  host.run()
  assert(ticks > 1, ticks)
end)

scenario("of a pager waits; so do loops over a list, where an iterator can", function(host, world)
  local tm = world.sandbox_client()
  local opts = { paginate = { per_page = 20 } }
  local counts = {}
  host.go(function()
    local pager, count = tm:pager("/contacts", nil, opts), 0
    local items = pager:next()
    while items do
      count, items = count + #items, pager:next()
    end
    counts[1] = count
    counts[2] = #assert(tm:collect("/contacts", nil, opts))
  end)
  local problem
  host.go(function()
    if not place.YIELDS_IN_PCALL then
      local iterate, list = tm:pages("/contacts", nil, opts)
      counts[3], problem = pcall(iterate, list)
      counts[3] = nil
      return
    end
    counts[3], counts[4] = 0, 0
    for items in tm:pages("/contacts", nil, opts) do counts[3] = counts[3] + #items end
    for _ in tm:each("/contacts", nil, opts) do counts[4] = counts[4] + 1 end
  end)
  host.run()
  if place.YIELDS_IN_PCALL then return same("95 95 95 95", table.concat(counts, " ")) end
  same("95 95", table.concat(counts, " "))
  assert(problem:find("use tm:pager", 1, true), problem)
end)

-- Ends --------------------------------------------------------------------------------------------

scenario("under way is let finish by close, or ended", function(host, world)
  local tm, said = world.client(), {}
  host.go(function() add(said, tm:get("/hold/1").path) end)
  host.go(function()
    await(host, world, 1)
    host.go(function() add(said, select(2, tm:get "/hold/2").kind) end)
    await(host, world, 2)
    host.go(function()
      host.pause(0.02)
      world.gate:release "/hold/1"
    end)
    tm:close(0.5)
    add(said, select(2, tm:get "/late").kind)
  end)
  host.run()
  same("/hold/1 closed closed", table.concat(said, " "))
end)

-- Functions of the caller's -----------------------------------------------------------------------

local WRONG = "tm_live_0000000000000000"

scenario("asks a key function that waits, once for all", function(host, world)
  local asked, got = {}, 0
  local tm = world.sandbox_client {
    key = function(why)
      add(asked, why)
      if place.YIELDS_IN_PCALL then host.pause(0.01) end
      return why == "first" and WRONG or world.key
    end,
  }
  for _ = 1, 5 do
    host.go(function()
      assert(tm:workspace())
      got = got + 1
    end)
  end
  host.run()
  same("first unauthorized", table.concat(asked, " "))
  same(5, got)
end)

scenario("that nobody waits for asks a key function that waits", function(host, world)
  local asked, got = 0, 0
  local tm = world.sandbox_client {
    key = function(why)
      asked = asked + 1
      if why == "first" then return WRONG end
      if place.YIELDS_IN_PCALL then host.pause(0.01) end
      return world.key
    end,
  }
  host.go(function()
    for _ = 1, 3 do
      tm:send({ path = "/workspaces/me" }, function(data)
        assert(data)
        got = got + 1
      end)
    end
  end)
  host.run(function() return got == 3 end)
  same(3, got)
  same(2, asked)
end)

scenario("tells on_event, which cannot wait", function(host, world)
  local types, tm, problem = {}, nil, nil
  tm = world.client {
    on_event = function(event)
      add(types, event.type)
      problem = problem or select(2, pcall(tm.get, tm, "/b"))
    end,
  }
  host.go(function() assert(tm:get "/a") end)
  host.run()
  same("request response", table.concat(types, " "))
  assert(problem:find("inside on_event", 1, true), problem)
end)

-- Where a coroutine cannot be suspended -----------------------------------------------------------

scenario("waits inside pcall, or says that it cannot", function(host, world)
  local tm, ok, data = world.client(), nil, nil
  host.go(function() ok, data = pcall(tm.get, tm, "/a") end)
  host.run()
  same(place.YIELDS_IN_PCALL, ok)
  if ok then return same("/a", data.path) end
  assert(data:find("cannot wait inside pcall", 1, true), data)
  same(0, #world.gate:seen())
end)

scenario("says that it cannot wait inside table.sort", function(host, world)
  local tm, ok, problem = world.client(), nil, nil
  host.go(function()
    ok, problem = pcall(table.sort, { 1, 2 }, function() return tm:get "/a" end)
  end)
  host.run()
  same(false, ok)
  assert(problem:find("suspended", 1, true) or problem:find("yield", 1, true), problem)
  same(0, #world.gate:seen())
end)

-- No lost wake-up ---------------------------------------------------------------------------------

scenario("among many, with blocking ones in between, is not forgotten", function(host, world)
  local clients = { world.client(), world.client { concurrency = 2 }, world.client() }
  local blocking = world.client { loop = "blocking" }
  local done = 0
  for i = 1, 30 do
    host.go(function()
      local tm = clients[i % 3 + 1]
      for j = 1, 6 do
        if (i + j) % 7 == 0 then
          assert(blocking:get "/blocking")
          blocking:sleep(0.001)
        elseif (i + j) % 5 == 0 then
          tm:sleep(0.001)
        elseif (i + j) % 11 == 0 then
          host.pause(0.001)
        end
        assert(tm:get("/" .. i .. "/" .. j))
      end
      done = done + 1
    end)
  end
  host.run()
  same(30, done)
end)

scenario("in a callback of a client that blocks is made by a loop", function(host, world)
  local blocking, tm, said = world.client { loop = "blocking" }, world.client(), {}
  blocking:send({ path = "/a" }, function(data)
    add(said, data.path)
    add(said, tm:get("/b").path)
  end)
  host.go(function()
    while #said < 2 do assert(tm:get "/c") end
  end)
  host.run()
  same("/a /b", table.concat(said, " "))
end)

-- Forks -------------------------------------------------------------------------------------------

scenario("goes on in the parent of a fork; the child has its own", function(host, world)
  local process = require "spec.support.process"
  local tm, got = world.client(), {}
  for i = 1, 3 do
    host.go(function() add(got, assert(tm:get("/hold/" .. i)).path) end)
  end
  host.go(function()
    await(host, world, 3)
    local child = process.fork(function(say)
      local mine = world.client { loop = "blocking" }
      say(mine:get("/child").path .. #got)
      mine:close()
      require("trailmark").step()
      mine = world.client { loop = "blocking" }
      say(mine:get("/again").path .. #got)
    end)
    same("/child0/again0", (child:finish()))
    same(3, #world.gate:held())
    world.gate:open()
  end)
  host.run()
  same(3, #got)
end)

return scenarios
