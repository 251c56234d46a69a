-- One coroutine of a loop that waits.

local core = require "trailmark.core"
local hand_loop = require "spec.support.hand_loop"
local waiter = require "trailmark.waiter"

local loop
before_each(function() loop = hand_loop.new() end)

--- Starts a coroutine that waits; the waiter, and a table that tells what its wait returned.
local function waits(at, source)
  local me, ended = nil, {}
  loop:go(function()
    me = waiter.new(loop.adapter, coroutine.running(), source)
    ended.ok, ended.problem = me:wait(at)
  end)
  return me, ended
end

describe("a waiter", function()
  it("waits until it is woken, in a turn of its loop", function()
    local me, ended = waits()
    assert.is_nil(ended.ok)
    me:wake()
    assert.is_nil(ended.ok) -- not inside of wake
    loop:run()
    assert.is_true(ended.ok)
    assert.same({ 1, 1 }, { loop.watches, loop.stops })
  end)

  it("does not suspend where it was woken before", function()
    local ended
    loop:go(function()
      local me = waiter.new(loop.adapter, coroutine.running())
      me:wake()
      ended = me:wait()
    end)
    assert.is_true(ended)
    assert.same({ 0, 0 }, { loop.suspended, loop.watches })
  end)

  it("waits again where its host wakes it too early", function()
    local me, ended = waits()
    for _ = 1, 3 do loop:resume(me.token) end
    assert.is_nil(ended.ok)
    assert.equal(4, loop.suspended)
    me:wake()
    loop:run()
    assert.is_true(ended.ok)
  end)

  it("that its host wakes while its own task is due goes on once", function()
    local me, ended = waits()
    me:wake()
    loop:resume(me.token)
    assert.is_true(ended.ok)
    loop:run() -- the task finds nobody to wake
    assert.equal("dead", coroutine.status(me.token))
  end)

  it("is woken by any of several, once", function()
    local me, ended = waits()
    assert.equal(me, me:finished()) -- the task, for the pump to push
    me:wake()
    me:wake()
    me:run()
    assert.is_true(ended.ok)
    loop:run()
  end)

  it("waits until a time at most", function()
    local begun = core.now()
    local _, ended = waits(begun + 0.03)
    loop:run()
    assert.is_true(ended.ok)
    assert.is_true(core.now() - begun >= 0.029)
  end)

  it("that is woken before its time leaves no alarm behind", function()
    local me, ended = waits(core.now() + 3600)
    me:wake()
    loop:run()
    assert.is_true(ended.ok)
    assert.is_nil(loop.step)
    local pump = require "trailmark.pump"
    pump.turn()
    assert.is_false(loop:readable(0.02))
  end)

  it("is not collected while it waits", function()
    local ended, weak = nil, setmetatable({}, { __mode = "v" })
    do
      weak[1] = loop:go(function()
        local me = waiter.new(loop.adapter, coroutine.running())
        weak[2] = me
        ended = me:wait()
      end)
    end
    loop.mine = { [weak[1]] = nil }
    collectgarbage()
    collectgarbage()
    assert.is_thread(weak[1])
    weak[2]:wake()
    loop:run()
    assert.is_true(ended)
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[2])
  end)

  it("whose host has dropped the coroutine keeps nothing going, once it is woken", function()
    local left = 0
    local me, ended = waits(core.now() + 3600, {
      join = function() return {} end, leave = function() left = left + 1 end,
    })
    loop.adapter.resume = function() end
    me:wake()
    loop:run()
    assert.is_nil(ended.ok)
    assert.same({ 1, 1, 1 }, { loop.watches, loop.stops, left })
  end)

  local close = rawget(coroutine, "close") -- 5.4 alone has it

  it("whose coroutine was closed is resumed no more, asked for no key, and keeps nothing going", close and function()
    local left = 0
    local function source()
      return { join = function() return {} end, leave = function() left = left + 1 end }
    end
    local woken, ended = waits(core.now() + 3600, source())
    local asked = waits(core.now() + 3600, source())
    assert.is_true(asked:ask "key")
    close(woken.token)
    close(asked.token)
    assert.is_false(woken:ask "key")
    woken:wake()
    loop:run()
    assert.is_nil(ended.ok)
    assert.same({ 1, 1, 2 }, { loop.watches, loop.stops, left })
  end or function() end)

  it("asks for a key in its own coroutine, and waits on", function()
    local asked, joined = {}, 0
    local source = {
      join = function() joined = joined + 1 return {} end,
      leave = function() joined = joined - 1 end,
      answer = function(_, which) asked[#asked + 1] = { which, (coroutine.running()) } end,
    }
    local me, ended = waits(nil, source)
    assert.equal(1, joined)
    assert.is_true(me:ask "key")
    assert.is_false(me:ask "key") -- it is on its way
    loop:turn()
    assert.same({ { "key", me.token } }, asked)
    assert.is_nil(ended.ok)
    assert.is_true(me:ask "fallback")
    loop:turn()
    assert.equal("fallback", asked[2][1])
    me:wake()
    assert.is_false(me:ask "key")
    loop:run()
    assert.is_true(ended.ok)
    assert.same({ 2, 0 }, { #asked, joined })
  end)

  if _VERSION ~= "Lua 5.1" or rawget(_G, "jit") then
    it("tells why it could not be suspended, and leaves nothing behind", function()
      loop.adapter.suspend = function() error("not here", 0) end
      local _, ended = waits(core.now() + 3600, { join = function() return {} end, leave = function() end })
      assert.same({ ok = false, problem = "not here" }, ended)
      assert.same({ 1, 1 }, { loop.watches, loop.stops })
      assert.is_nil(loop.step)
    end)
  end
end)
