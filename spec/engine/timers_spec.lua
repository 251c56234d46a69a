local timers = require("trailmark_testing").timers

describe("timers", function()
  it("come out in the order of their times", function()
    assert.same({}, timers.sort {})
    assert.same({ 5 }, timers.sort { 5 })
    assert.same({ 1, 2, 3, 3, 9 }, timers.sort { 3, 9, 1, 3, 2 })
    local list, seed = {}, 17
    for i = 1, 500 do
      seed = (seed * 16807) % 2147483647
      list[i] = seed
    end
    local sorted = { (unpack or table.unpack)(list) }
    table.sort(sorted)
    assert.same(sorted, timers.sort(list))
  end)

  it("are in order after every set, move and unset, with many of the same time too", function()
    for seed = 1, 20 do
      for _, spread in ipairs { 1, 4, 1000, 4294967295 } do
        local largest, wrong = timers.walk(seed, 3000, spread)
        assert.is_nil(wrong)
        assert.is_true(largest > 60, largest)
      end
    end
  end)

  it("stay as they are when there is no memory for more", function()
    assert.same({ "no_memory", true }, { timers.reserve_starved() })
  end)
end)
