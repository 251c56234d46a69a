local repeats = require "trailmark.paging.repeats"

-- How many places are accepted of a list that goes on for `before` pages, then round and round.
local function accepted(before, round, most)
  local seen = repeats.new()
  for n = 0, most do
    local place = n < before and n or before + (n - before) % round
    if seen:seen(tostring(place)) then return n end
  end
end

describe("repeats", function()
  it("finds a short loop at its first repetition", function()
    for _, before in ipairs { 0, 1, 7, 63, 1000 } do
      for _, round in ipairs { 1, 2, 3, 64 } do
        assert.equal(before + round, accepted(before, round, 5000), before .. ", " .. round)
      end
    end
  end)

  it("finds a loop of any length within three times its pages", function()
    for _, before in ipairs { 0, 1, 63, 64, 65, 500, 1023, 1024 } do
      for _, round in ipairs { 65, 66, 127, 128, 129, 1000, 4097 } do
        local all = before + round
        local count = accepted(before, round, 4 * all)
        assert.truthy(count and count >= all and count <= 3 * all + 2, ("%d, %d: %s"):format(before, round,
          tostring(count)))
      end
    end
  end)

  it("takes no new place for one that was seen", function()
    local seen = repeats.new()
    for n = 1, 20000 do assert.is_false(seen:seen(("cursor %d"):format(n))) end
  end)

  it("remembers no more after many places than after a few", function()
    local seen = repeats.new()
    local function size_after(from, to)
      for n = from, to do seen:seen(("%040d"):format(n)) end
      collectgarbage() collectgarbage()
      return collectgarbage("count")
    end
    local few = size_after(1, 1000)
    local many = size_after(1001, 100000)
    -- The places themselves would be some MiB; Lua's own table of all strings may grow meanwhile.
    assert.truthy(many - few < 1024, ("%.1f KiB more"):format(many - few))
  end)

  it("asks for a repeated place again with the same answer", function()
    local seen = repeats.new()
    assert.is_false(seen:seen("a"))
    assert.is_true(seen:seen("a"))
    assert.is_true(seen:seen("a"))
  end)
end)
