-- The fixed window of requests, over hand-moved clocks.

local window = require("trailmark.sandbox.server.window")

describe("a window", function()
  it("grants exactly its limit within its length", function()
    local w = window.new(3, 10, "up")
    for left = 2, 0, -1 do
      local granted, rate = w:spend(100 + 2 - left, 5000.25 + 2 - left)
      assert.is_true(granted)
      assert.equal(left, rate.remaining)
      assert.equal(5011, rate.reset)
      assert.equal(3, rate.limit)
    end
    local granted, rate = w:spend(109.75, 5010)
    assert.is_false(granted)
    assert.equal(0, rate.remaining)
    assert.equal(0.25, rate.wait)
    assert.equal(5011, rate.reset)
  end)

  it("begins with the first request that spends, and ends to the instant", function()
    local w = window.new(1, 10, "up")
    assert.equal(1, w:look(50, 1000).remaining)
    assert.equal(1010, w:look(50, 1000).reset)
    assert.is_true(w:spend(100, 1050))
    assert.is_false((w:spend(109.999, 1059.999)))
    assert.equal(0, w:look(109.999, 1059.999).remaining)
    assert.equal(1, w:look(110, 1060).remaining)
    assert.is_true((w:spend(110, 1060)))
    assert.is_false((w:spend(119.999, 1069.999)))
  end)

  it("keeps its Reset when the wall clock is stepped within it", function()
    local w = window.new(5, 10, "up")
    local _, first = w:spend(0, 1000.5)
    local _, second = w:spend(1, 9999.5)
    assert.equal(first.reset, second.reset)
  end)

  local rows = {
    { "up", 1000.0, 1010 }, { "up", 1000.001, 1011 },
    { "down", 1000.999, 1010 }, { "down", 1000.0, 1010 },
    { "nearest", 1000.49, 1010 }, { "nearest", 1000.5, 1011 },
  }
  for _, row in ipairs(rows) do
    it(("rounds %s from %s"):format(row[1], row[2] + 10), function()
      local _, rate = window.new(5, 10, row[1]):spend(0, row[2])
      assert.equal(row[3], rate.reset)
    end)
  end

  it("takes a new limit at once and keeps what was spent", function()
    local w = window.new(2, 10, "up")
    w:spend(0, 0)
    w:spend(0, 0)
    w:change(4)
    assert.equal(2, w:look(1, 1).remaining)
    w:change(1)
    assert.equal(0, w:look(1, 1).remaining)
    assert.is_false((w:spend(1, 1)))
  end)

  it("begins anew with a new length, not with the same", function()
    local w = window.new(1, 10, "up")
    w:spend(0, 0)
    w:change(1, 10)
    assert.is_false((w:spend(1, 1)))
    w:change(1, 20)
    assert.is_true((w:spend(2, 2)))
    assert.is_false((w:spend(21.9, 21.9)))
    assert.is_true((w:spend(22, 22)))
  end)

  it("of nothing grants nothing", function()
    assert.is_false((window.new(0, 10, "up"):spend(0, 0)))
  end)
end)
