local backoff = require("trailmark_testing").backoff

local HIGHEST = 2 ^ 32 - 1

describe("backoff.wait", function()
  local rows = { -- name, base, cap, retry, its ceiling
    { "the first retry", 500, 8000, 1, 500 },
    { "the second", 500, 8000, 2, 1000 },
    { "the fourth", 500, 8000, 4, 4000 },
    { "the fifth", 500, 8000, 5, 8000 },
    { "the sixth", 500, 8000, 6, 8000 },
    { "one far beyond any shift", 500, 8000, HIGHEST, 8000 },
    { "a cap that is no power", 500, 3000, 4, 3000 },
    { "a base above the cap", 500, 20, 1, 20 },
    { "a base of nothing", 0, 8000, HIGHEST, 0 },
    { "a cap of nothing", 500, 0, 3, 0 },
    { "the largest", HIGHEST, HIGHEST, 2, HIGHEST },
    { "retry 0, taken for the first", 500, 8000, 0, 500 },
  }
  for _, row in ipairs(rows) do
    it(("draws from 0 to %.0f ms for %s"):format(row[5], row[1]), function()
      assert.equal(0, backoff.wait(row[2], row[3], row[4], 0))
      assert.equal(row[5], backoff.wait(row[2], row[3], row[4], HIGHEST))
      assert.equal(math.floor((row[5] + 1) / 2), backoff.wait(row[2], row[3], row[4], 2 ^ 31))
    end)
  end

  -- 100 classes, so 99 degrees of freedom: a chi-square above 149 has a chance of 1 in 1000.
  it("draws evenly", function()
    math.randomseed(500)
    local counts, draws = {}, 100000
    for i = 0, 99 do counts[i] = 0 end
    for _ = 1, draws do
      local random = math.random(0, 65535) * 65536 + math.random(0, 65535)
      local class = math.floor(backoff.wait(500, 7999, 10, random) / 80)
      counts[class] = counts[class] + 1
    end
    local chi_square, expected = 0, draws / 100
    for i = 0, 99 do chi_square = chi_square + (counts[i] - expected) ^ 2 / expected end
    assert.is_true(chi_square < 149, ("chi-square %.1f"):format(chi_square))
  end)

  it("gives every wait the same share of the random numbers", function()
    local counts = {}
    for i = 0, 65535 do
      local wait = backoff.wait(9, 9, 1, i * 65536)
      counts[wait] = (counts[wait] or 0) + 1
    end
    for wait = 0, 9 do assert.is_true(math.abs(counts[wait] - 6553.6) < 1) end
    assert.is_nil(counts[10])
  end)
end)

describe("backoff.plan", function()
  -- The case has base 500, cap 8000, retry 1, deadline 90000 where it says nothing else.
  local rows = { -- name, case, fits, ms
    { "no floor, lowest draw", {}, true, 0 },
    { "no floor, highest draw", { random = HIGHEST }, true, 500 },
    { "no floor, third retry", { retry = 3, random = HIGHEST }, true, 2000 },
    { "no floor, later on the clock", { now = 80000, random = HIGHEST }, true, 500 },
    { "no floor, a millisecond to spare", { now = 89499, random = HIGHEST }, true, 500 },
    { "no floor, none to spare", { now = 89500, random = HIGHEST }, false, 500 },
    { "no floor, the deadline gone by", { now = 90001 }, false, 0 },
    { "no floor, the very deadline", { now = 90000 }, false, 0 },

    { "a floor, lowest draw", { floor = 2000 }, true, 2000 },
    { "a floor, highest draw", { floor = 2000, random = HIGHEST }, true, 2500 },
    { "a floor of 0", { floor = 0, random = HIGHEST }, true, 500 },
    { "a long floor: a tenth on top", { floor = 60000, random = HIGHEST }, true, 66000 },
    { "a very long floor: the cap on top",
      { floor = 600000, random = HIGHEST, deadline = 3600000 }, true, 608000 },
    { "a small cap", { floor = 1000, random = HIGHEST, cap = 20 }, true, 1020 },
    { "a floor, ninth retry", { floor = 1000, retry = 9, random = HIGHEST }, true, 1500 },
    { "jitter squeezed by the deadline", { floor = 89800, random = HIGHEST }, true, 89999 },
    { "no place for jitter", { floor = 89999, random = HIGHEST }, true, 89999 },
    { "a floor that ends at the deadline", { floor = 90000, random = HIGHEST }, false, 90000 },
    { "a floor beyond it", { floor = 120000, random = HIGHEST }, false, 120000 },
    { "a floor and no time left", { floor = 0, now = 95000 }, false, 0 },
    { "the longest floor", { floor = 4294967295000, random = HIGHEST }, false, 4294967295000 },
  }
  for _, row in ipairs(rows) do
    it(("%s %.0f ms: %s"):format(row[3] and "waits" or "gives up over", row[4], row[1]), function()
      local fits, wait = backoff.plan(row[2])
      assert.equal(row[3], fits)
      assert.equal(row[4], wait)
    end)
  end

  it("never ends before the floor nor at the deadline", function()
    math.randomseed(8000)
    local fitted = 0
    for _ = 1, 20000 do
      local case = {
        base = math.random(0, 1000), cap = math.random(0, 9000), retry = math.random(1, 8),
        random = math.random(0, 2 ^ 31 - 1) * 2, floor = math.random(-1, 3000),
        now = math.random(0, 3000), deadline = math.random(0, 6000),
      }
      local fits, wait = backoff.plan(case)
      assert.is_true(wait >= math.max(case.floor, 0))
      assert.equal(case.now + wait < case.deadline, fits)
      if case.floor >= 0 then
        assert.equal(case.now + case.floor < case.deadline, fits)
        local jitter = math.min(math.max(case.base, case.floor / 10), case.cap)
        assert.is_true(wait - case.floor <= jitter)
      end
      fitted = fitted + (fits and 1 or 0)
    end
    assert.is_true(fitted > 5000 and fitted < 15000)
  end)
end)
