local gap = require "trailmark.gap"

describe("the first gap", function()
  local rows = { -- what, the list, where it has a gap
    { "nothing", {}, nil },
    { "an array", { 1, false, 3 }, nil },
    { "an array with names beside its elements", { 1, 2, n = 2, [0] = 0, [1.5] = 1, [-1] = 1 }, nil },
    { "an object", { a = 1 }, nil },
    { "one at the beginning", { nil, 2 }, 1 },
    { "one in the middle", { 1, nil, 3 }, 2 },
    { "several", { 1, 2, nil, 4, nil, nil, 7 }, 3 },
    { "a lone element far out", { [100] = 1 }, 1 },
  }
  for _, row in ipairs(rows) do
    it(("of %s"):format(row[1]), function() assert.equal(row[3], gap(row[2])) end)
  end

  it("of a list from whose middle an element was taken", function()
    local list = {}
    for i = 1, 100 do list[i] = i end
    list[40] = nil
    assert.equal(40, gap(list))
  end)
end)
