-- A turn of the engine is short, and says when the next one is due.

local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local IN_A_TURN = 64
local engine

before_each(function() engine = testing.new() end)
after_each(function() engine:destroy() end)

local function submit(client, count)
  local calls = {}
  for i = 1, count do
    calls[i] = testing.call(client, {})
    engine:submit(calls[i], 0)
  end
  return calls
end

describe("a turn", function()
  it("is due at once after a submission, and not after it", function()
    local client = testing.client { timeout = 7e6 }
    assert.is_nil(engine:wake())
    submit(client, 1)
    assert.equal(0, engine:wake())
    engine:advance(0)
    assert.equal(7e6, engine:wake())
  end)

  it("begins a bounded number of attempts, and is due at once where more may begin", function()
    local client = testing.client { concurrency = 1000 }
    submit(client, 150)
    for turn, expected in ipairs { IN_A_TURN, 2 * IN_A_TURN, 150 } do
      assert.equal(0, engine:wake())
      engine:advance(turn)
      assert.equal(expected, engine:counts().started)
    end
    assert.is_true(engine:wake() > 0)
  end)

  it("begins few of them where a host's loop waits for it", function()
    local client = testing.client { concurrency = 1000 }
    submit(client, 10)
    for turn, expected in ipairs { 4, 8, 10 } do
      assert.equal(0, engine:wake())
      engine:advance_briefly(turn)
      assert.equal(expected, engine:counts().started)
    end
    assert.is_true(engine:wake() > 0)
  end)

  it("bounds them over all clients, and comes to every one of them", function()
    local clients = {}
    for i = 1, 5 do
      clients[i] = testing.client { concurrency = 50 }
      submit(clients[i], 60)
    end
    local turns = 0
    while engine:wake() == 0 do
      local before = engine:counts().started
      turns = turns + 1
      engine:advance(turns)
      assert.is_true(engine:counts().started - before <= IN_A_TURN)
    end
    for i = 1, 5 do assert.equal(50, clients[i]:look().in_flight) end
    assert.is_true(turns < 10)
  end)

  it("is due at once when a cancelled call gives up its place, and else when a timer is", function()
    local client = testing.client { concurrency = 1, timeout = 5e6, deadline = 9e6 }
    local calls = submit(client, 2)
    engine:advance(0)
    assert.equal(5e6, engine:wake())
    engine:cancel(calls[1], "cancelled", 1)
    assert.equal(0, engine:wake())
    engine:advance(1)
    assert.equal("in_flight", calls[2]:state())
    engine:cancel(calls[2], "cancelled", 2)
    engine:advance(2)
    assert.is_nil(engine:wake())
  end)

  it("is not due where nothing lives, whatever came before", function()
    local client = testing.client { concurrency = 1 }
    for _, call in ipairs(submit(client, 3)) do engine:cancel(call, "cancelled", 0) end
    assert.is_nil(engine:wake())
  end)

  it("keeps queued calls without an attempt, however many there are", function()
    local client = testing.client { concurrency = 3 }
    submit(client, 2000)
    for turn = 1, 40 do engine:advance(turn) end
    assert.same({ in_flight = 3, queued = 1997, holders = 2002 }, client:look())
    assert.equal(3, engine:counts().started) -- transfers, which have a handle each
    assert.equal(3, #engine:attempts())
    engine:finish(1, answers.ok())
    engine:advance(50)
    assert.equal(4, engine:counts().started)
  end)
end)
