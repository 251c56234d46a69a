local budgets = require("trailmark_testing").budgets

local FULL, PLACES = 500, budgets.places()
local made = 0

--- An origin that no spec has used.
local function origin()
  made = made + 1
  return ("https://budget%d.test"):format(made)
end

local function drain(budget)
  while budgets.take(budget) do end -- luacheck: ignore 542
  return budgets.tokens(budget)
end

--- Holds new origins until there is no place; other specs' clients may still have some.
local function fill()
  local held = {}
  repeat
    local budget = budgets.hold(origin())
    held[#held + 1] = budget
  until not budget
  return held
end

local function release_all(held)
  for _, budget in ipairs(held) do budgets.release(budget) end
end

--- How many places nobody holds; the budgets there are full afterwards.
local function free_places()
  local held = fill()
  release_all(held)
  return #held
end

describe("the retry budgets of a process", function()
  it("are full for an origin that is new", function()
    local budget = budgets.hold(origin())
    assert.equal(FULL, budgets.tokens(budget))
    budgets.release(budget)
  end)

  it("are one for each origin, whoever holds it", function()
    local name = origin()
    local first, other, second = budgets.hold(name), budgets.hold(origin()), budgets.hold(name)
    assert.equal(first, second)
    assert.not_equal(first, other)
    drain(first)
    assert.equal(FULL, budgets.tokens(other))
    for _, budget in ipairs { first, other, second } do budgets.release(budget) end
  end)

  it("outlive those who hold them", function()
    local name = origin()
    local budget = budgets.hold(name)
    local left = drain(budget)
    budgets.release(budget)
    budget = budgets.hold(name)
    assert.equal(left, budgets.tokens(budget))
    budgets.release(budget)
  end)

  it("leave a fresh origin its retries, however many were drained before", function()
    for _ = 1, 4 * PLACES do
      local budget = budgets.hold(origin())
      assert.equal(FULL, budgets.tokens(budget))
      drain(budget)
      budgets.release(budget)
    end
  end)

  it("are remembered longest where they are most drained", function()
    free_places()
    local name = origin()
    local budget = budgets.hold(name)
    local left = drain(budget)
    budgets.release(budget)
    for _ = 1, 4 * PLACES do budgets.release(budgets.hold(origin())) end
    budget = budgets.hold(name)
    assert.equal(left, budgets.tokens(budget))
    budgets.release(budget)
  end)

  it("are not given away while anybody holds them", function()
    local free = free_places()
    local name = origin()
    local budget = budgets.hold(name)
    assert.equal(budget, budgets.hold(name))
    budgets.release(budget)
    local left = drain(budget)
    local others = fill()
    assert.equal(free - 1, #others)
    for _, other in ipairs(others) do assert.equal(FULL, budgets.tokens(other)) end
    assert.equal(left, budgets.tokens(budget))
    assert.equal(budget, budgets.hold(name))
    release_all { budget, budget }
    assert.equal(budget, budgets.hold(origin()))
    budgets.release(budget)
    release_all(others)
    assert.equal(free, free_places())
  end)

  it("are never two threads' that hold different origins", function()
    local free = free_places()
    local fine, threads = budgets.storm()
    assert.equal(threads, fine)
    assert.equal(free, free_places())
  end)
end)
