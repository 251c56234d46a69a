-- What the engine makes of each attempt's end: again, or the end of the call.

local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local engine, client

before_each(function()
  engine = testing.new()
  client = testing.client { backoff_base = 0, backoff_cap = 0 }
end)

after_each(function() engine:destroy() end)

-- Plays the answers one after another, a microsecond each; what is left of them was not asked for.
local function play(spec, list, now)
  local call = testing.call(client, spec)
  now = now or 0
  engine:submit(call, now)
  engine:advance(now)
  local used = 0
  while call:state() == "in_flight" and list[used + 1] do
    used, now = used + 1, now + 1
    engine:finish(engine:attempts()[1].serial, list[used])
    engine:advance(now)
  end
  return call:look(), used
end

local SAFE = { { method = "GET" }, { method = "HEAD" } }
local IDEMPOTENT = { { method = "PUT" }, { method = "DELETE" } }
local KEYED = {
  { method = "POST", idempotency_key = "k" }, { method = "PATCH", idempotency_key = "k" },
}
local UNKEYED = { { method = "POST" }, { method = "PATCH" } }

-- name, answer, kind, retried for (safe, idempotent, keyed, unkeyed), outcome (safe, other)
local YES, NO = true, false
local rows = {
  { "429", answers.status(429), "rate_limited", YES, YES, YES, NO, "rejected", "rejected" },
  { "500", answers.status(500), "server", YES, YES, YES, NO, "rejected", "unknown" },
  { "502", answers.status(502), "server", YES, YES, YES, NO, "rejected", "unknown" },
  { "503", answers.status(503), "server", YES, YES, YES, NO, "rejected", "unknown" },
  { "504", answers.status(504), "server", YES, YES, YES, NO, "rejected", "unknown" },
  { "408", answers.status(408), "http", YES, YES, YES, NO, "rejected", "unknown" },
  { "409", answers.status(409), "conflict", NO, NO, YES, NO, "rejected", "unknown" },
  { "501", answers.status(501), "server", NO, NO, NO, NO, "rejected", "unknown" },
  { "400", answers.status(400), "invalid", NO, NO, NO, NO, "rejected", "rejected" },
  { "401", answers.status(401), "unauthorized", NO, NO, NO, NO, "rejected", "rejected" },
  { "403", answers.status(403), "forbidden", NO, NO, NO, NO, "rejected", "rejected" },
  { "404", answers.status(404), "not_found", NO, NO, NO, NO, "rejected", "rejected" },
  { "422", answers.status(422), "invalid", NO, NO, NO, NO, "rejected", "rejected" },
  { "302", answers.status(302), "http", NO, NO, NO, NO, "rejected", "rejected" },
  { "418", answers.status(418), "http", NO, NO, NO, NO, "rejected", "rejected" },
  { "not connected", answers.unsent(), "network", YES, YES, YES, YES, "not_sent", "not_sent" },
  { "connection lost", answers.lost(), "network", YES, YES, YES, NO, "unknown", "unknown" },
  { "connect timeout", answers.unsent "timeout", "timeout", YES, YES, YES, YES, "not_sent",
    "not_sent" },
  { "TLS refused", answers.unsent "tls", "tls", NO, NO, NO, NO, "not_sent", "not_sent" },
  { "head cut", answers.cut_head(200), "protocol", YES, YES, YES, NO, "unknown", "unknown" },
  { "body of 200 cut", answers.cut_body(200), "protocol", YES, YES, YES, NO, "done", "done" },
  { "body of 503 cut", answers.cut_body(503), "protocol", YES, YES, YES, NO, "unknown", "unknown" },
  { "malformed head", answers.lost "protocol", "protocol", NO, NO, NO, NO, "unknown", "unknown" },
  { "body too large", { failure = "too_large", lines = answers.ok().lines }, "too_large", NO, NO,
    NO, NO, "done", "done" },
}

describe("an attempt that ended in", function()
  for _, row in ipairs(rows) do
    local name, answer, kind = row[1], row[2], row[3]
    local groups = { { SAFE, row[4], row[8] }, { IDEMPOTENT, row[5], row[9] },
      { KEYED, row[6], row[9] }, { UNKEYED, row[7], row[9] } }
    it(name .. " is repeated where that may help and does no harm", function()
      for _, group in ipairs(groups) do
        client = testing.client { backoff_base = 0, backoff_cap = 0 }
        for _, spec in ipairs(group[1]) do
          local what = spec.method .. (spec.idempotency_key and " with a key" or "")
          local seen, used = play(spec, { answer, answers.ok() })
          assert.equal(group[2] and 2 or 1, used, what)
          assert.equal(group[2] and "ok" or kind, seen.result, what)
          assert.equal(group[2] and "done" or group[3], seen.outcome, what)
          seen = play({ method = spec.method, idempotency_key = spec.idempotency_key, retries = 0 },
            { answer })
          assert.equal(kind, seen.result, what)
          assert.equal(group[3], seen.outcome, what)
        end
      end
    end)
  end
end)

describe("retries", function()
  it("are at most as many as were asked for", function()
    for retries = 0, 5 do
      local list = {}
      for i = 1, 10 do list[i] = answers.status(503) end
      local seen, used = play({ retries = retries }, list)
      assert.equal(retries + 1, used)
      assert.equal(retries + 1, seen.attempts)
      assert.equal(retries + 1, #seen.history)
      assert.equal("server", seen.result)
      assert.equal(503, seen.status)
    end
  end)

  it("are at most twenty, whatever was asked for", function()
    local list = {}
    for i = 1, 30 do list[i] = answers.unsent() end
    assert.equal(21, select(2, play({ retries = 1000 }, list)))
  end)

  it("send the same again, key included", function()
    local call = testing.call(client, { method = "POST", body = "b", idempotency_key = "k-1" })
    engine:submit(call, 0)
    engine:advance(0)
    local first = engine:attempts()[1]
    engine:finish(1, answers.status(500))
    engine:advance(1)
    local second = engine:attempts()[1]
    assert.equal(2, second.serial)
    first.serial, second.serial = nil, nil
    assert.same(first, second)
  end)

  it("forget the answer before", function()
    local seen = play({}, {
      answers.status(503, { "X-Request-Id: old", "Retry-After: 0" }, "old body"),
      answers.unsent("tls", "bad certificate"),
    })
    assert.equal("tls", seen.result)
    assert.equal("bad certificate", seen.message)
    assert.equal("", seen.body)
    assert.equal("", seen.fields)
    assert.equal(0, seen.status)
    assert.equal(-1, seen.retry_after_ms)
  end)
end)

describe("the retry budget of an origin", function()
  -- Uses up what is left, and says how many retries that was.
  local function retries_left(of)
    local used = 0
    while true do
      local before = engine:counts().started
      local call = testing.call(of, { retries = 1 })
      engine:submit(call, 0)
      engine:advance(0)
      engine:finish(engine:attempts()[1].serial, answers.status(503))
      engine:advance(0)
      if engine:counts().started - before == 1 then
        assert.equal("server", call:look().result)
        assert.equal("retry_budget", call:look().limit)
        return used
      end
      used = used + 1
      engine:cancel(call, "cancelled", 0)
    end
  end

  it("lets 35 retries go without a success between them", function()
    assert.equal(35, retries_left(client))
    assert.equal(0, retries_left(client))
  end)

  it("is shared by the clients of an origin and by no others", function()
    assert.equal(35, retries_left(client))
    local other = testing.client { base_url = "https://other.test", backoff_base = 0,
      backoff_cap = 0 }
    assert.equal(35, retries_left(other))
    local same = testing.client { base_url = "https://api.test/v2", tokens = 14,
      backoff_base = 0 }
    assert.equal(1, retries_left(client))
    assert.equal(0, retries_left(same))
  end)

  it("gets a retry back for fourteen successes, and is never more than full", function()
    client = testing.client { tokens = 0, backoff_base = 0, backoff_cap = 0 }
    for succeeded = 1, 14 do
      assert.equal(0, retries_left(client), succeeded)
      play({}, { answers.ok() })
    end
    assert.equal(1, retries_left(client))
    client = testing.client { backoff_base = 0, backoff_cap = 0 }
    for _ = 1, 50 do play({}, { answers.ok() }) end
    assert.equal(35, retries_left(client))
  end)

  it("is not touched by a failure that is not repeated", function()
    client = testing.client { tokens = 14, backoff_base = 0, backoff_cap = 0 }
    for _ = 1, 20 do
      play({}, { answers.status(404) })
      play({ retries = 0 }, { answers.status(503) })
      play({ method = "POST" }, { answers.status(503) })
      play({ deadline = 5e6 }, { answers.status(503, { "Retry-After: 60" }) })
    end
    assert.equal(1, retries_left(client))
  end)
end)

describe("the outcome of a call", function()
  local rank = { not_sent = 1, rejected = 2, unknown = 3, done = 4 }
  local ends = {
    not_sent = answers.unsent(), rejected = answers.status(429), unknown = answers.lost(),
    done = answers.cut_body(200),
  }

  it("is the highest of all attempts, in whatever order they came", function()
    for first, a in pairs(ends) do
      for second, b in pairs(ends) do
        for third, c in pairs(ends) do
          client = testing.client { backoff_base = 0, backoff_cap = 0 }
          local seen = play({ method = "PUT", retries = 2 }, { a, b, c })
          local highest = first
          if rank[second] > rank[highest] then highest = second end
          if rank[third] > rank[highest] then highest = third end
          assert.equal(3, seen.attempts, first .. ", " .. second .. ", " .. third)
          assert.equal(highest, seen.outcome, first .. ", " .. second .. ", " .. third)
        end
      end
    end
  end)

  it("stays unknown when a timeout is followed by refused connections", function()
    local seen = play({ method = "PUT", retries = 2 },
      { answers.lost "timeout", answers.unsent(), answers.unsent() })
    assert.equal("network", seen.result)
    assert.equal("unknown", seen.outcome)
    assert.is_true(seen.repeatable)
  end)
end)

describe("a failed call is repeatable", function()
  local function repeatable(spec, ...)
    spec.retries = select("#", ...) - 1
    return (play(spec, { ... })).repeatable
  end

  it("when a further try may fare better and does no harm", function()
    assert.is_true(repeatable({}, answers.status(503)))
    assert.is_true(repeatable({ method = "DELETE" }, answers.lost()))
    assert.is_true(repeatable({ method = "POST", idempotency_key = "k" }, answers.lost()))
    assert.is_true(repeatable({ method = "POST" }, answers.unsent()))
    assert.is_true(repeatable({ method = "POST" }, answers.status(429)))
    assert.is_true(repeatable({ method = "POST", idempotency_key = "k" }, answers.status(409)))
  end)

  it("and not otherwise", function()
    assert.is_false(repeatable({ method = "POST" }, answers.lost()))
    assert.is_false(repeatable({ method = "POST" }, answers.status(503)))
    assert.is_false(repeatable({ method = "PUT" }, answers.status(409)))
    assert.is_false(repeatable({}, answers.status(404)))
    assert.is_false(repeatable({}, answers.unsent "tls"))
  end)

  it("which a success never is", function()
    assert.is_false(repeatable({}, answers.ok()))
  end)
end)

describe("the history", function()
  it("has an entry for each attempt: status, kind, the wait before it, its duration", function()
    client = testing.client { backoff_base = 0, backoff_cap = 0 }
    local call = testing.call(client, { method = "PUT" })
    engine:submit(call, 0)
    engine:advance(100)
    engine:finish(1, answers.status(503, { "Retry-After: 2" }))
    engine:advance(150)
    assert.equal("backing_off", call:state())
    engine:advance(150 + 2e6)
    engine:finish(2, answers.unsent())
    engine:advance(150 + 2e6 + 7)
    engine:finish(3, answers.status(400))
    engine:advance(150 + 2e6 + 10)
    assert.same({
      { status = 503, kind = "server", wait = 0, elapsed = 50 },
      { status = 0, kind = "network", wait = 2e6, elapsed = 7 },
      { status = 400, kind = "invalid", wait = 0, elapsed = 3 },
    }, call:look().history)
  end)

  it("ends with the success, when there was one", function()
    local seen = play({}, { answers.status(500), answers.ok() })
    assert.equal("ok", seen.result)
    assert.same({ 500, 200 }, { seen.history[1].status, seen.history[2].status })
    assert.equal("ok", seen.history[2].kind)
  end)
end)

describe("the wait before a retry", function()
  local SECOND = 1e6

  local function backing_off(options, spec, answer, now)
    client = testing.client(options)
    local call = testing.call(client, spec or {})
    engine:submit(call, now or 0)
    engine:advance(now or 0)
    engine:finish(engine:attempts()[1].serial, answer)
    engine:advance(now or 0)
    return call
  end

  it("is drawn between nothing and a ceiling that doubles up to a cap", function()
    local ceilings = { 100, 200, 400, 800, 1000, 1000 }
    local longest, all_short = {}, true
    for _ = 1, 40 do
      local now = 0
      local call = backing_off({ backoff_base = 100, backoff_cap = 1000, retries = 6 }, {},
        answers.status(503))
      for retry, ceiling in ipairs(ceilings) do
        local wait = call:look().waited
        assert.is_true(wait >= 0 and wait <= ceiling * 1000, wait)
        longest[retry] = math.max(longest[retry] or 0, wait)
        all_short = all_short and wait < ceiling * 500
        now = now + wait
        engine:advance(now)
        engine:finish(engine:attempts()[1].serial, answers.status(503))
        engine:advance(now)
      end
      assert.equal("done", call:state())
    end
    assert.is_false(all_short)
    for retry, ceiling in ipairs(ceilings) do
      assert.is_true(longest[retry] > ceiling * 500, retry)
    end
  end)

  it("is kept to the microsecond, and the engine says when it ends", function()
    local call = backing_off({ backoff_base = 500, backoff_cap = 8000 }, {},
      answers.status(503, { "Retry-After: 3" }), 7)
    local wait = call:look().waited
    assert.is_true(wait >= 3 * SECOND)
    assert.equal(7 + wait, engine:wake())
    engine:advance(7 + wait - 1)
    assert.equal("backing_off", call:state())
    assert.equal(0, #engine:attempts())
    assert.equal(0, client:look().in_flight)
    engine:advance(7 + wait)
    assert.equal("in_flight", call:state())
  end)

  it("is never shorter than Retry-After, and never much longer", function()
    for _ = 1, 200 do
      local call = backing_off({ backoff_base = 500, backoff_cap = 8000 }, {},
        answers.status(429, { "Retry-After: 10" }))
      local wait = call:look().waited
      assert.is_true(wait >= 10 * SECOND and wait <= 11 * SECOND, wait)
      engine:cancel(call, "cancelled", 0)
    end
  end)

  it("follows Retry-After after any failed answer, a date by the server's clock too", function()
    for status, kind in pairs { [429] = "rate_limited", [503] = "server", [408] = "http" } do
      local call = backing_off({ backoff_base = 0, backoff_cap = 0 }, {}, answers.status(status, {
        "Date: Mon, 01 Dec 2025 00:00:00 GMT", "Retry-After: Mon, 01 Dec 2025 00:00:04 GMT" }))
      assert.equal(4 * SECOND, call:look().waited, kind)
      engine:cancel(call, "cancelled", 0)
    end
  end)

  it("takes no heed of a Retry-After that is no such thing, or stands in a cut head", function()
    for _, value in ipairs { "-5", "5.5", "x", "5, 6", "" } do
      local call = backing_off({ backoff_base = 0, backoff_cap = 0 }, {},
        answers.status(503, { "Retry-After: " .. value }))
      assert.equal("in_flight", call:state(), value)
      engine:cancel(call, "cancelled", 0)
    end
    local call = backing_off({ backoff_base = 0, backoff_cap = 0 }, {},
      answers.cut_head(503, { "Retry-After: 5" }))
    assert.equal("in_flight", call:state())
  end)

  it("that cannot fit the deadline is not begun: the call fails at once and says when", function()
    local call = backing_off({ backoff_base = 0, backoff_cap = 0, deadline = 60 * SECOND }, {},
      answers.status(429, { "Retry-After: 60" }), 5)
    local seen = call:look()
    assert.equal("done", seen.state)
    assert.equal("rate_limited", seen.result)
    assert.equal(429, seen.status)
    assert.equal(60000, seen.retry_after_ms)
    assert.equal("deadline", seen.limit)
    assert.equal(1, seen.attempts)
    assert.is_true(seen.repeatable)
    call = backing_off({ backoff_base = 0, backoff_cap = 0, deadline = 60 * SECOND }, {},
      answers.status(429, { "Retry-After: 59" }), 5)
    assert.equal("backing_off", call:state())
  end)

  it("that jitter alone would push over the deadline still begins", function()
    for _ = 1, 100 do
      local call = backing_off({ backoff_base = 8000, backoff_cap = 8000, deadline = 60 * SECOND },
        {}, answers.status(429, { "Retry-After: 59" }))
      local seen = call:look()
      assert.equal("backing_off", seen.state)
      assert.is_true(seen.waited < 60 * SECOND)
      engine:cancel(call, "cancelled", 0)
    end
  end)

  it("holds no place among the transfers in flight", function()
    client = testing.client { concurrency = 1, backoff_base = 0, backoff_cap = 0 }
    local first, second = testing.call(client, {}), testing.call(client, {})
    engine:submit(first, 0)
    engine:submit(second, 0)
    engine:advance(0)
    engine:finish(1, answers.status(503, { "Retry-After: 1" }))
    engine:advance(1)
    assert.equal("backing_off", first:state())
    assert.equal("in_flight", second:state())
    engine:advance(1 + SECOND)
    assert.equal("queued", first:state())
    engine:finish(2, answers.ok())
    engine:advance(2 + SECOND)
    assert.equal("in_flight", first:state())
  end)
end)
