-- What moves the engine, as Lua sees it: core.step, wait, sleep, and the descriptor for a host's loop.

local core = require "trailmark.core"
local gate_server = require "spec.support.gate_server"
local process = require "spec.support.process"
local socket = require "socket"
local trailmark = require "trailmark"

local gate, tm

local function readable(seconds)
  local fd = core.fd()
  local ready = socket.select({ { getfd = function() return fd end, dirty = function() return false end } }, nil,
    seconds or 0)
  return #ready == 1
end

--- Steps as a host's loop does, until this is true.
local function steps(is_true)
  local over = core.now() + 20
  while not is_true() do
    assert(core.now() < over, "nothing came of it")
    if readable(0.5) then core.step() end
    core.arm()
  end
end

--- Steps until there is nothing more to do, and that holds.
local function settle()
  local over = core.now() + 20
  repeat
    core.step()
    core.arm()
    assert(core.now() < over, "there is always something to do")
  until not readable(0.02)
end

local function start(path)
  return assert(tm:_begin("GET", path))
end

before_each(function()
  gate = gate_server.start()
  tm = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0 })
end)
after_each(function()
  tm:close()
  gate:stop()
end)

describe("core.now", function()
  it("goes on by itself, never back", function()
    local before, wall = core.now(), socket.gettime()
    socket.sleep(0.02)
    local took = core.now() - before
    assert.is_true(took >= 0.019 and took <= socket.gettime() - wall + 0.01)
  end)
end)

describe("core.step", function()
  it("never waits, and in the end has moved a call to its end", function()
    local handle = start "/hold"
    local begun = core.now()
    repeat core.step() until #gate:held() == 1
    for _ = 1, 100 do core.step() end
    assert.is_true(core.now() - begun < 5)
    assert.is_false(handle:done())
    gate:release()
    steps(function() return handle:done() end)
    assert.is_true(handle:wait(0))
  end)
end)

describe("the descriptor", function()
  it("is one for all clients", function()
    local other = assert(trailmark.new { key = "tm_live_y", base_url = gate.url, pace = "off" })
    assert.equal(core.fd(), core.fd())
    assert.equal(core.fd(), trailmark.fd())
    other:close()
  end)

  it("is not readable while there is nothing to do", function()
    core.fd()
    settle()
    for _ = 1, 5 do assert.is_false(readable(0.01)) end
  end)

  it("is readable at once when a call begins, and when an answer is there", function()
    core.fd()
    local handle = start "/hold"
    assert.is_true(readable(10))
    steps(function() return #gate:held() == 1 end)
    settle()
    gate:release()
    assert.is_true(readable(10))
    steps(function() return handle:done() end)
  end)

  it("stays readable while announced calls that ended are not taken", function()
    core.fd()
    local handle = start "/a"
    assert.equal(handle:id(), handle:announce())
    repeat core.step() until handle:done()
    core.arm()
    for _ = 1, 3 do
      assert.is_true(readable(1))
      core.step()
      core.arm()
    end
    assert.equal(handle:id(), core.next_finished())
    assert.is_nil(core.next_finished())
    settle()
  end)

  it("is readable when a timer of the engine's has run out", function()
    core.fd()
    local handle = assert(tm:_begin("GET", "/hold", nil, nil, { timeout = 0.05 }))
    steps(function() return handle:done() end)
    assert.is_false((handle:result()))
    assert.equal("timeout", handle:failure().kind)
  end)

  it("is readable when the time has come that it was armed for", function()
    core.fd()
    settle()
    local begun = core.now()
    core.arm(begun + 0.05)
    assert.is_true(readable(10))
    assert.is_true(core.now() - begun >= 0.049)
    core.arm(0)
    assert.is_true(readable(1))
    settle()
  end)

  it("is readable after what blocking calls and cancels leave to do", function()
    core.fd()
    local handle = start "/hold"
    handle:announce()
    assert.is_false(core.wait(0))
    handle:cancel()
    assert.is_true(readable(1))
    assert.equal(handle:id(), core.next_finished())
  end)

  it("is another one in a fork, which leaves the parent's alone", function()
    local fd, handle = core.fd(), start "/hold"
    steps(function() return #gate:held() == 1 end)
    local child = process.fork(function(say)
      local own = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off" })
      local call = own:send { path = "/child" }
      steps(function()
        trailmark.step()
        return call:done()
      end)
      say(("%s %s"):format(tostring(core.fd() ~= fd), call:wait().path))
    end)
    local said, code = child:finish()
    assert.same({ "true /child", 0 }, { said, code })
    assert.equal(fd, core.fd())
    gate:release()
    steps(function() return handle:done() end)
    assert.is_true((handle:result()))
  end)
end)

describe("core.wait", function()
  it("returns true when an announced call has ended, whose end was not taken", function()
    local handle = start "/a"
    handle:announce()
    local state
    repeat state = core.wait(20) until state ~= nil
    assert.is_true(state)
    assert.is_true(core.wait(20)) -- still there
    assert.equal(handle:id(), core.next_finished())
  end)

  it("returns false when its time is over", function()
    local begun = core.now()
    assert.is_false(core.wait(0.03))
    assert.is_true(core.now() - begun >= 0.029)
    assert.is_false(core.wait(0))
    assert.is_false(core.wait(-1))
  end)

  it("returns nil when something happened that a listener wants to know", function()
    local listening = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off",
      on_event = function() end })
    local handle = assert(listening:_begin("GET", "/a"))
    handle:announce()
    assert.is_nil(core.wait(20)) -- the request
    local state
    repeat state = core.wait(20) until state ~= nil
    assert.is_true(state)
    core.next_finished()
    listening:close()
  end)
end)

describe("core.sleep", function()
  it("lasts, while calls advance", function()
    local handle, begun = start "/a", core.now()
    assert.is_true(core.sleep(0.3))
    assert.is_true(core.now() - begun >= 0.299)
    assert.is_true(handle:done())
  end)

  it("returns nil when an announced call has ended", function()
    local handle = start "/a"
    handle:announce()
    assert.is_nil(core.sleep(20))
    assert.equal(handle:id(), core.next_finished())
  end)
end)

describe("a handle", function()
  it("that waits is told its end before the others'", function()
    local first, second = start "/a", start "/b"
    first:announce()
    local state
    repeat
      state = second:wait(20)
      if state == nil then core.next_finished() end
    until state ~= nil
    assert.is_true(state)
    assert.is_true(second:wait())
    repeat core.step() until first:done()
    while core.next_finished() do end -- luacheck: ignore 542
  end)

  it("is forgotten when it is done, and not before", function()
    local handle = start "/a"
    handle:forget()
    assert.is_false(handle:done()) -- nothing has moved it yet
    assert.is_true(handle:wait(20))
    assert.is_true((handle:result()))
    handle:forget()
    handle:forget()
    assert.has_error(function() handle:result() end)
  end)

  it("has an id of its own, which grows", function()
    local first, second = start "/a", start "/b"
    assert.is_true(second:id() > first:id())
    assert.equal(first:id(), first:id())
  end)
end)

describe("in a Lua state that has made no call yet", function()
  it("there is nothing to take, and waiting is fine", function()
    local said, code, complaint = process.lua([[
      local core = require "trailmark.core"
      print((core.next_finished()))
      core.arm(0)
      core.arm()
      print(core.wait(0.01), core.sleep(0.01), (core.next_finished()))
      core.step()
      print(math.type == nil or math.type(core.fd()) == "integer", core.fd() > 2)
    ]]):finish()
    assert.same({ "nil\nfalse\ttrue\tnil\ntrue\ttrue\n", 0, "" }, { said, code, complaint })
  end)
end)
