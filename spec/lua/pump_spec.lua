-- What happens between two moves of the engine, in a loop and in blocking waits.

local core = require "trailmark.core"
local gate_server = require "spec.support.gate_server"
local hand_loop = require "spec.support.hand_loop"
local place = require "trailmark.place"
local pump = require "trailmark.pump"
local trailmark = require "trailmark"

local gate, loop, tm
local function client(opts)
  local all = { key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0 }
  for name, value in pairs(opts or {}) do all[name] = value end
  return assert(trailmark.new(all))
end

before_each(function()
  gate, loop = gate_server.start(), hand_loop.new()
  tm = client { loop = loop.adapter }
end)
after_each(function()
  tm:close()
  gate:stop()
end)

describe("a watch", function()
  it("is there exactly while something of the loop is under way", function()
    local done = 0
    assert.equal(0, loop.watches)
    for i = 1, 3 do
      loop:go(function()
        tm:get("/hold/" .. i)
        done = done + 1
      end)
    end
    assert.same({ 1, 0, core.fd() }, { loop.watches, loop.stops, loop.fd })
    loop:run(function() return #gate:held() == 3 end)
    gate:open()
    loop:run()
    assert.same({ 3, 1, 1 }, { done, loop.watches, loop.stops })
    loop:go(function()
      tm:get "/a"
      done = done + 1
    end)
    loop:run()
    assert.same({ 4, 2, 2 }, { done, loop.watches, loop.stops })
  end)

  it("is there for a sleep, a group, a callback, and a call that nobody waits for yet", function()
    local done = 0
    for i, way in ipairs {
      function() tm:sleep(0.01) end,
      function() tm:all { { path = "/a" }, { path = "/b" } } end,
      function() tm:map({ 1, 2, 3 }, function() return { path = "/a" } end) end,
      function() tm:send({ path = "/a" }, function() done = done + 1 end) end,
      function() tm:send({ path = "/a\1" }, function() done = done + 1 end) end,
      function() assert(tm:send({ path = "/a" }):wait(20)) end,
    } do
      loop:go(function()
        way()
        done = done + 1
      end)
      assert.is_function(loop.step)
      loop:run()
      assert.same({ i, i }, { loop.watches, loop.stops })
    end
    assert.equal(6 + 2, done)
    local call = tm:send { path = "/a" }
    assert.is_function(loop.step)
    loop:run()
    assert.is_true(call:done())
  end)

  it("ends with the client", function()
    local kinds = {}
    for i = 1, 3 do loop:go(function() kinds[i] = select(2, tm:get "/hold").kind end) end
    loop:run(function() return #gate:held() == 3 end)
    tm:close()
    loop:run()
    assert.same({ "closed", "closed", "closed" }, kinds)
    assert.equal(loop.watches, loop.stops)
  end)

  it("is each loop's own", function()
    local other = hand_loop.new()
    local theirs = client { loop = other.adapter }
    local done = {}
    loop:go(function() done.mine = tm:get("/hold/mine").path end)
    other:go(function() done.theirs = theirs:get("/theirs").path end)
    other:run()
    assert.same({ theirs = "/theirs" }, done)
    assert.is_nil(other.step)
    assert.is_function(loop.step)
    loop:run(function() return #gate:held() == 1 end)
    gate:open()
    loop:run()
    assert.equal("/hold/mine", done.mine)
    theirs:close()
  end)
end)

describe("a turn", function()
  it("is bounded: what is left of many tasks makes the descriptor readable at once", function()
    local ran = 0
    local home = pump.home(loop.adapter)
    for _ = 1, 30 do
      pump.push({ run = function()
        local over = core.now() + 0.001
        repeat until core.now() >= over
        ran = ran + 1
      end }, home)
    end
    assert.is_true(loop:readable())
    loop.step()
    assert.is_true(ran >= 1 and ran <= 4, ran)
    assert.is_true(loop:readable())
    loop:run()
    assert.equal(30, ran)
  end)

  it("does nothing inside of itself", function()
    local inner, ran = 0, 0
    local home = pump.home(loop.adapter)
    pump.push({ run = function()
      loop.step()
      trailmark.step()
      inner = ran
    end }, home)
    pump.push({ run = function() ran = ran + 1 end }, home)
    loop:run()
    assert.same({ 0, 1 }, { inner, ran })
  end)

  it("rings every alarm that is due", function()
    local woken, order, begun = 0, {}, core.now()
    for i = 5, 1, -1 do
      pump.set_alarm(begun + 0.05 + 0.01 * i, { wake = function() order[#order + 1] = i end })
    end
    for _ = 1, 10 do
      loop:go(function()
        tm:sleep(0.1)
        woken = woken + 1
      end)
    end
    local over = core.now() + 0.2
    repeat until core.now() >= over -- all of them are due at once
    loop:run()
    assert.equal(10, woken)
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("runs on when a task fails, and tells of it", function()
    local told, ran = {}, 0
    loop.adapter.report = function(message) told[#told + 1] = message end
    local home = pump.home(loop.adapter)
    pump.push({ run = function() error("no\1 luck", 0) end }, home)
    pump.push({ run = function() ran = ran + 1 end }, home)
    loop:run()
    assert.equal(1, ran)
    assert.same({ "trailmark: no\\x01 luck" }, told)
  end)

  it("tells of a callback that fails", function()
    local told = {}
    loop.adapter.report = function(message) told[#told + 1] = message end
    tm:send({ path = "/a" }, function() error("no luck", 0) end)
    loop:run()
    assert.equal(1, #told)
    -- A coroutine that the loop made cannot be left by pcall on 5.1, so the loop tells of it.
    local named = place.YIELDS_IN_PCALL and "the callback of GET /a failed: " or ""
    assert.matches("^trailmark: " .. named .. "no luck", told[1])
  end)

  it("tends those who asked for it, until they do not", function()
    local seen = {}
    local source = { tend = function(_, in_turn) seen[#seen + 1] = in_turn end }
    pump.tend(source)
    trailmark.step()
    pump.between()
    pump.untend(source)
    trailmark.step()
    assert.same({ true, false }, seen)
  end)

  it("is followed by another at once where memory runs out in it", function()
    local seen = 0
    local source = { tend = function()
      seen = seen + 1
      if seen == 1 then error("not enough memory", 0) end
    end }
    tm:send { path = "/hold" }
    loop:run(function() return #gate:held() == 1 end)
    repeat loop.step() until not loop:readable(0.3) -- libcurl has a timer of 200 ms yet
    pump.tend(source)
    assert.is_false(pcall(loop.step))
    assert.is_true(loop:readable())
    loop.step()
    assert.same({ 2, false }, { seen, loop:readable() })
    pump.untend(source)
  end)

  it("delivers events", function()
    local count = 0
    local listening = client { loop = loop.adapter, on_event = function() count = count + 1 end }
    loop:go(function() listening:get "/a" end)
    loop:run()
    assert.equal(2, count)
    listening:close()
  end)
end)

describe("a callback in a loop", function()
  it("may wait, and others go on meanwhile", function()
    local order = {}
    tm:send({ path = "/a" }, function()
      order[#order + 1] = "begins"
      tm:get "/hold"
      order[#order + 1] = "ends"
    end)
    loop:run(function() return #gate:held() == 1 end)
    tm:send({ path = "/b" }, function()
      order[#order + 1] = "other"
      gate:open()
    end)
    loop:run()
    assert.equal("begins other ends", table.concat(order, " "))
  end)
end)

describe("a blocking call amid a loop", function()
  it("runs none of the loop's coroutines, and loses none of their wake-ups", function()
    local blocking, woken, within = client(), 0, 0
    for _ = 1, 5 do
      loop:go(function()
        tm:get "/hold"
        woken = woken + 1
      end)
    end
    loop:run(function() return #gate:held() == 5 end)
    gate:release()
    for _ = 1, 5 do
      assert(blocking:get "/a")
      blocking:sleep(0.005)
      within = woken
    end
    assert.equal(0, within)
    assert.is_true(loop:readable(1))
    loop:run()
    assert.equal(5, woken)
    blocking:close()
  end)

  it("wakes sleepers of the loop afterwards only", function()
    local blocking, woken = client(), false
    loop:go(function()
      tm:sleep(0.01)
      woken = true
    end)
    blocking:sleep(0.05)
    assert.is_false(woken)
    assert.is_true(loop:readable(1))
    loop:run()
    assert.is_true(woken)
    blocking:close()
  end)
end)
