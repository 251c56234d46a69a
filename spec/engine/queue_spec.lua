local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

describe("a client's concurrency", function()
  local engine, client

  before_each(function()
    engine = testing.new()
    client = testing.client { concurrency = 2, retries = 0 }
  end)

  after_each(function() engine:destroy() end)

  local function submit(count, of)
    local calls = {}
    for i = 1, count do
      calls[i] = testing.call(of or client, { target = "/" .. i })
      engine:submit(calls[i], 0)
    end
    return calls
  end

  -- The places of those under way, by their number.
  local function under_way()
    local seen = {}
    for i, attempt in ipairs(engine:attempts()) do seen[i] = attempt.url:match("(%d+)$") end
    return table.concat(seen, " ")
  end

  it("lets as many start and keeps the rest in line, first come, first served", function()
    local calls = submit(5)
    engine:advance(0)
    assert.equal("1 2", under_way())
    assert.same({ in_flight = 2, queued = 3, holders = 7 }, client:look())
    engine:finish(2, answers.ok())
    engine:advance(1)
    assert.equal("1 3", under_way())
    engine:finish(1, answers.status(404))
    engine:finish(3, answers.lost())
    engine:advance(2)
    assert.equal("4 5", under_way())
    engine:finish(4, answers.ok())
    engine:finish(5, answers.ok())
    engine:advance(3)
    assert.same({ in_flight = 0, queued = 0, holders = 6 }, client:look())
    for _, call in ipairs(calls) do call:release() end
    assert.equal(1, client:look().holders)
  end)

  it("serves the next in line when one leaves it from the front, the middle, the end", function()
    for leaves = 3, 6 do
      local calls = submit(6)
      engine:advance(0)
      engine:cancel(calls[leaves], "cancelled", 0)
      local expected = {}
      for i = 3, 6 do if i ~= leaves then expected[#expected + 1] = tostring(i) end end
      local seen = {}
      for _ = 1, 5 do
        local attempts = engine:attempts()
        engine:finish(attempts[1].serial, answers.ok())
        engine:advance(1)
        local now = engine:attempts()
        if #now == 2 then seen[#seen + 1] = now[2].url:match("(%d+)$") end
      end
      assert.same(expected, seen)
      assert.equal(0, engine:live())
    end
  end)

  it("takes a place given up by a cancel at the next step", function()
    local calls = submit(3)
    engine:advance(0)
    engine:cancel(calls[1], "cancelled", 1)
    assert.equal("2", under_way())
    engine:advance(1)
    assert.equal("2 3", under_way())
  end)

  it("is each client's own", function()
    local other = testing.client { concurrency = 1, retries = 0 }
    submit(3)
    submit(2, other)
    engine:advance(0)
    assert.equal(2, client:look().in_flight)
    assert.equal(1, other:look().in_flight)
    local serial
    for _, attempt in ipairs(engine:attempts()) do serial = attempt.serial end
    engine:finish(serial, answers.ok())
    engine:advance(1)
    assert.equal(3, #engine:attempts())
  end)

  it("passes over attempts that cannot be started to those that can", function()
    local calls = submit(4)
    engine:refuse "no_memory"
    engine:advance(0)
    for _, call in ipairs(calls) do assert.equal("no_memory", call:look().result) end
    assert.same({ in_flight = 0, queued = 0, holders = 5 }, client:look())
    engine:refuse "ok"
    submit(1)
    engine:advance(1)
    assert.equal("1", under_way())
  end)

  it("lets a repeated attempt stand behind those that wait already", function()
    client = testing.client { concurrency = 1, retries = 1, backoff_base = 0, backoff_cap = 0 }
    submit(3)
    engine:advance(0)
    engine:finish(1, answers.status(503))
    engine:advance(1)
    assert.equal("2", under_way())
    engine:finish(2, answers.ok())
    engine:advance(2)
    assert.equal("3", under_way())
    engine:finish(3, answers.ok())
    engine:advance(3)
    assert.equal("1", under_way())
  end)

  it("holds for many clients in any order of their calls", function()
    local clients = {}
    for i = 1, 20 do clients[i] = testing.client { concurrency = i % 3 + 1 } end
    for round = 1, 5 do
      for i = 1, 20 do submit(1, clients[(i * 7 + round) % 20 + 1]) end
    end
    engine:advance(0)
    local expected = 0
    for i = 1, 20 do expected = expected + math.min(5, i % 3 + 1) end
    assert.equal(expected, #engine:attempts())
    while #engine:attempts() > 0 do
      engine:finish(engine:attempts()[1].serial, answers.ok())
      engine:advance(1)
      for i = 1, 20 do assert.is_true(clients[i]:look().in_flight <= i % 3 + 1) end
    end
    assert.equal(0, engine:live())
    assert.equal(100, engine:counts().started)
    collectgarbage()
    for i = 1, 20 do assert.equal(1, clients[i]:look().holders) end
  end)
end)
