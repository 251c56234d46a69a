local printed = require "spec.bench.charts.table"

local SAID = [[
One GET at a time; microseconds a call (median)
  sequential-get             ours     21.5  C     20.1  ratio 0.935 (0.901 to 1.020)
bench sequential-get ratio=0.935 ours=21.50 peer=20.10 unit=us
bench idle-client ratio=1.250 ours=300.00 peer=375.00 unit=KiB
]]

describe("the table of benchmarks", function()
  it("takes over what benchmarks said", function()
    assert.same({
      { name = "sequential-get", ratio = 0.935, ours = 21.5, peer = 20.1, unit = "us", low = 0.901,
        high = 1.02 },
      { name = "idle-client", ratio = 1.25, ours = 300, peer = 375, unit = "KiB" },
    }, printed.parse(SAID))
  end)

  it("shows them, the better ones in green", function()
    local html = printed.html(printed.parse(SAID))
    assert.truthy(html:find('<td class="number bad">0.94</td><td class="number">0.90 to 1.02</td>', 1, true)
      or html:find('<td class="number bad">0.93</td><td class="number">0.90 to 1.02</td>', 1, true))
    assert.truthy(html:find('<td class="number good">1.25</td>', 1, true))
  end)
end)
