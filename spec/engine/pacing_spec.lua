-- Calls and the pacer: who waits for the rate limit, how long, and what becomes of a place that was
-- given. What the pacer says is policy/pacer_spec.lua's.

local testing = require("trailmark_testing").engine
local process = require("trailmark_testing").process
local starved = require("trailmark_testing").target.starved
local answers = require "spec.support.answers"

local MS, SECOND = 1e3, 1e6
local START = 100 * SECOND -- a second of the server's own begins
local DATE, WINDOW_END = "Tue, 14 Nov 2023 22:13:20 GMT", 1700000060

local engine, client

local function open(options)
  local all = { paced = true, concurrency = 8, retries = 0, deadline = 30 * SECOND }
  for name, value in pairs(options or {}) do all[name] = value end
  client = testing.client(all)
end

before_each(function()
  engine = testing.new()
  open()
end)

after_each(function() engine:destroy() end)

local function submitted(spec, now)
  local call = testing.call(client, spec or {})
  engine:submit(call, now)
  engine:advance(now)
  return call
end

--- An answer of a server that lets so many through in a minute.
local function told(remaining)
  return answers.status(200, { "Date: " .. DATE, "X-RateLimit-Limit: 600",
    "X-RateLimit-Remaining: " .. remaining, "X-RateLimit-Reset: " .. WINDOW_END })
end

--- The window is known, and this much of it is left.
local function learnt(remaining)
  submitted({}, START)
  engine:finish(1, told(remaining))
  engine:advance(START + 10 * MS)
end

describe("calls of a client that is paced", function()
  it("leave one at a time until an answer tells the limit, and then together", function()
    local first = submitted({}, START)
    for _ = 1, 4 do submitted({}, START) end
    assert.equal(1, #engine:attempts())
    assert.is_true(engine:wake() > START and engine:wake() <= START + 7 * MS)
    engine:finish(1, told(599))
    engine:advance(START + 1 * MS)
    assert.equal("ok", first:look().result)
    assert.equal(4, #engine:attempts())
  end)

  it("ask again when they were told to", function()
    submitted({}, START)
    local second = submitted({}, START)
    engine:advance(START + 10 * MS)
    assert.equal("queued", second:state())
    engine:advance(START + 251 * MS) -- whoever asked first never came back
    assert.equal("in_flight", second:state())
  end)

  it("that cannot leave before their deadline fail at once, and say when to come back", function()
    learnt(0)
    local call = submitted({ method = "POST", deadline = 5 * SECOND }, START + 20 * MS)
    local seen = call:look()
    assert.same({ "rate_limited", "not_sent", "deadline", 0 },
      { seen.result, seen.outcome, seen.limit, seen.attempts })
    assert.is_true(seen.retry_after_ms > 55000 and seen.retry_after_ms <= 62000)
    assert.is_true(seen.repeatable)
  end)

  it("that are overtaken by their deadline are told of the limit, not of a timeout", function()
    submitted({}, START)
    local call = submitted({ deadline = 20 * MS }, START)
    engine:advance(START + 30 * MS)
    local seen = call:look()
    assert.same({ "rate_limited", "not_sent" }, { seen.result, seen.outcome })
    assert.is_true(seen.retry_after_ms >= 0)
  end)

  it("are told of once while they are held back", function()
    open { events = true }
    submitted({}, START)
    submitted({}, START)
    engine:advance(START + 10 * MS)
    engine:advance(START + 20 * MS)
    local types = {}
    for event in function() return (client:event()) end do types[#types + 1] = event.type end
    assert.same({ "request", "pace" }, types)
  end)

  it("give their place back when they were not sent", function()
    open { pace_limit = 2, deadline = 90 * SECOND }
    learnt(599)
    submitted({}, START + 20 * MS)
    local waits = submitted({}, START + 20 * MS)
    assert.equal("queued", waits:state())
    engine:finish(2, answers.unsent())
    engine:advance(START + 30 * MS)
    assert.equal("in_flight", waits:state())
  end)

  it("keep their place while they wait for a transfer to begin, and when none can", function()
    learnt(599)
    engine:refuse "no_memory"
    assert.equal("no_memory", submitted({}, START + 20 * MS):look().result)
    engine:refuse "ok"
    assert.equal("in_flight", submitted({}, START + 20 * MS):state())
  end)

  it("that find no memory for a count fail for that, and the next one has it", function()
    local call = testing.call(client, {})
    engine:submit(call, START)
    starved(engine.advance, engine, START)
    assert.same({ "no_memory", "not_sent", 0 },
      { call:look().result, call:look().outcome, call:look().attempts })
    assert.equal("in_flight", submitted({}, START + 10 * MS):state())
  end)

  it("go by a count of their process where none can be shared, and say so", function()
    open { events = true, pace_shared = true, key = "tm_live_unshared" }
    local before = process.limit_descriptors(0)
    submitted({}, START)
    process.limit_descriptors(before)
    local event = client:event()
    assert.same({ "pace", "the boot id cannot be read from /proc" }, { event.type, event.reason })
    assert.equal("request", client:event().type)
  end)
end)
