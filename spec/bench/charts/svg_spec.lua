local svg = require "spec.bench.charts.svg"

local function has(picture, text) assert.truthy(picture:find(text, 1, true), text) end

describe("a chart", function()
  it("writes numbers as people do", function()
    assert.equal("3.4", svg.number(3.42))
    assert.equal("7", svg.number(7))
    assert.equal("999", svg.number(999))
    assert.equal("1,000", svg.number(999.6))
    assert.equal("1,234,567", svg.number(1234567))
  end)

  it("has round ticks that reach beyond what they measure", function()
    assert.same({ 0, 20, 40, 60, 80, 100 }, svg.ticks(100))
    assert.same({ 0, 25, 50, 75, 100, 125 }, svg.ticks(101))
    assert.same({ 0, 2, 4, 6, 8 }, svg.ticks(7))
  end)

  it("draws bars in proportion, with their spread", function()
    local picture = svg.bars { title = "A <title>", subtitle = "", groups = { { name = "one",
      bars = {
        { name = "full", value = 200, low = 180, high = 200, color = "#111111" },
        { name = "half", value = 100, low = 90, high = 110, color = "#222222" },
      } } } }
    has(picture, "A &lt;title&gt;")
    local full = tonumber(picture:match 'width="([%d.]+)" height="20" rx="2" fill="#111111"')
    local half = tonumber(picture:match 'width="([%d.]+)" height="20" rx="2" fill="#222222"')
    assert.equal(full, 2 * half)
  end)

  it("draws percentiles in their order", function()
    local picture = svg.percentiles { title = "", subtitle = "", unit = "us", rows = {
      { name = "one", values = { 100, 200, 1000 }, told = "100 / 200 / 1,000", color = "#111111" },
    } }
    local places = {}
    for x in picture:gmatch 'circle cx="([%d.]+)"' do places[#places + 1] = tonumber(x) end
    assert.equal(3, #places)
    assert.truthy(places[1] < places[2] and places[2] < places[3])
    has(picture, "100 / 200 / 1,000")
  end)

  it("draws lines below their limit", function()
    local picture = svg.lines { title = "", subtitle = "", unit_x = "s",
      limit = { value = 100, name = "the limit" },
      series = { { name = "used", points = { { 0, 0 }, { 1, 99 } }, color = "#111111" } } }
    local limit = tonumber(picture:match 'y1="([%d.]+)"[^/]*stroke="#c8372d"')
    local last = tonumber(picture:match 'points="[%d.]+,[%d.]+ [%d.]+,([%d.]+)"')
    assert.truthy(last > limit)
    has(picture, "the limit")
  end)
end)
