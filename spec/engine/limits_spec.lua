-- The attempt's timeout, the connect timeout, and the deadline over all.

local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local SECOND = 1e6
local engine, client

before_each(function()
  engine = testing.new()
  client = testing.client { backoff_base = 0, backoff_cap = 0, timeout = 10 * SECOND,
    deadline = 25 * SECOND }
end)

after_each(function() engine:destroy() end)

local function submitted(spec, now, of)
  local call = testing.call(of or client, spec or {})
  engine:submit(call, now or 0)
  engine:advance(now or 0)
  return call
end

describe("an attempt's timeout", function()
  it("ends the attempt, not before and not after", function()
    local call = submitted({ retries = 0 }, 3)
    assert.equal(3 + 10 * SECOND, engine:wake())
    engine:advance(3 + 10 * SECOND - 1)
    assert.equal("in_flight", call:state())
    assert.equal(0, engine:counts().cancelled)
    engine:reach(1, answers.lost("ok", "waiting for the answer"))
    engine:advance(3 + 10 * SECOND)
    local seen = call:look()
    assert.equal("done", seen.state)
    assert.equal("timeout", seen.result)
    assert.equal("timeout", seen.limit)
    assert.equal("unknown", seen.outcome)
    assert.equal("timed out waiting for the answer", seen.message)
    assert.equal(1, engine:counts().cancelled)
    assert.equal(0, #engine:attempts())
    assert.is_true(seen.repeatable)
  end)

  it("is begun anew with each attempt", function()
    local call = submitted({ retries = 1 })
    engine:advance(10 * SECOND)
    assert.equal("in_flight", call:state())
    assert.equal(2, engine:attempts()[1].serial)
    assert.equal(20 * SECOND, engine:wake())
    engine:finish(2, answers.ok())
    engine:advance(19 * SECOND)
    assert.equal("ok", call:look().result)
    assert.equal("none", call:look().limit)
    assert.same({ status = 0, kind = "timeout", wait = 0, elapsed = 10 * SECOND },
      call:look().history[1])
  end)

  it("of the call beats the client's", function()
    local call = submitted { retries = 0, timeout = SECOND }
    engine:advance(SECOND)
    assert.equal("timeout", call:look().limit)
  end)

  it("tells that nothing was sent when nothing was", function()
    local call = submitted { method = "POST", retries = 0 }
    engine:reach(1, answers.unsent("ok", "connecting"))
    engine:advance(10 * SECOND)
    assert.equal("not_sent", call:look().outcome)
    assert.is_true(call:look().repeatable)
  end)

  it("after the header block of a 2xx leaves it done", function()
    local call = submitted { retries = 0 }
    engine:reach(1, answers.ok "half of")
    engine:advance(10 * SECOND)
    local seen = call:look()
    assert.equal("timeout", seen.result)
    assert.equal("done", seen.outcome)
  end)

  it("does not touch an answer that is there already", function()
    local call = submitted { retries = 0 }
    engine:finish(1, answers.ok "in time")
    engine:advance(10 * SECOND)
    assert.equal("in time", call:look().body)
  end)

  it("is repeated only where that does no harm", function()
    local post = submitted { method = "POST" }
    local keyed = submitted { method = "POST", idempotency_key = "k" }
    engine:reach(1, answers.lost "ok")
    engine:reach(2, answers.lost "ok")
    engine:advance(10 * SECOND)
    assert.equal("done", post:state())
    assert.equal("in_flight", keyed:state())
  end)
end)

describe("the connect timeout", function()
  it("is libcurl's to keep, and is named", function()
    local call = submitted { retries = 0 }
    engine:finish(1, answers.unsent "timeout")
    engine:advance(5 * SECOND)
    assert.equal("timeout", call:look().result)
    assert.equal("connect_timeout", call:look().limit)
    assert.equal("not_sent", call:look().outcome)
  end)

  it("of an earlier attempt is not the limit of a later one", function()
    local call = submitted { retries = 1 }
    engine:finish(1, answers.unsent "timeout")
    engine:advance(1)
    engine:finish(2, answers.unsent "network")
    engine:advance(2)
    assert.equal("network", call:look().result)
    assert.equal("none", call:look().limit)
  end)
end)

describe("the deadline", function()
  it("ends an attempt that its timeout would let live", function()
    local call = submitted({ retries = 5 }, 0)
    engine:advance(10 * SECOND)
    engine:advance(20 * SECOND)
    assert.equal(3, engine:attempts()[1].serial)
    assert.equal(25 * SECOND, engine:wake())
    engine:reach(3, answers.lost("ok", "waiting for the answer"))
    engine:advance(25 * SECOND - 1)
    assert.equal("in_flight", call:state())
    engine:advance(25 * SECOND)
    local seen = call:look()
    assert.equal("timeout", seen.result)
    assert.equal("deadline", seen.limit)
    assert.equal(3, seen.attempts)
    assert.equal(25 * SECOND, seen.elapsed)
    assert.equal(5 * SECOND, seen.history[3].elapsed)
  end)

  it("is named where it falls together with the timeout, and leaves no time for a retry", function()
    local call = submitted { timeout = 25 * SECOND }
    engine:advance(25 * SECOND)
    assert.equal("deadline", call:look().limit)
    assert.equal(1, call:look().attempts)
  end)

  it("is named by a driver that comes late, too", function()
    local call = submitted {}
    engine:advance(100 * SECOND)
    assert.equal("timeout", call:look().result)
    assert.equal("deadline", call:look().limit)
  end)

  it("counts from the submission, the time in the queue included", function()
    local narrow = testing.client { concurrency = 1, retries = 0, timeout = 10 * SECOND,
      deadline = 15 * SECOND }
    submitted({}, 0, narrow)
    local second = submitted({}, 0, narrow)
    engine:finish(1, answers.ok())
    engine:advance(9 * SECOND)
    assert.equal("in_flight", second:state())
    engine:advance(15 * SECOND)
    assert.equal("deadline", second:look().limit)
    assert.equal(6 * SECOND, second:look().history[1].elapsed)
  end)

  it("ends a call that still waits for a place: it was never sent", function()
    local narrow = testing.client { concurrency = 1, timeout = 60 * SECOND, deadline = 60 * SECOND }
    local first = submitted({}, 0, narrow)
    local second = submitted({ method = "POST", deadline = 5 * SECOND }, 0, narrow)
    assert.equal("queued", second:state())
    assert.equal(5 * SECOND, engine:wake())
    engine:advance(5 * SECOND)
    local seen = second:look()
    assert.equal("timeout", seen.result)
    assert.equal("deadline", seen.limit)
    assert.equal("not_sent", seen.outcome)
    assert.equal(0, seen.attempts)
    assert.is_truthy(seen.message:find("place"))
    assert.is_true(seen.repeatable)
    assert.equal(0, engine:counts().cancelled)
    assert.equal("in_flight", first:state())
    engine:finish(1, answers.ok())
    engine:advance(6 * SECOND)
    assert.equal(1, engine:counts().started)
  end)

  it("ends a call that waits for a place after an attempt, and keeps what that did", function()
    local narrow = testing.client { concurrency = 1, timeout = 60 * SECOND, deadline = 60 * SECOND,
      backoff_base = 0, backoff_cap = 0 }
    local first = submitted({ method = "PUT", deadline = 5 * SECOND }, 0, narrow)
    submitted({}, 0, narrow)
    engine:finish(1, answers.status(503, { "Retry-After: 1", "X-Request-Id: r" }, "busy"))
    engine:advance(1)
    engine:advance(2 * SECOND)
    assert.equal("queued", first:state())
    engine:advance(5 * SECOND)
    local seen = first:look()
    assert.equal("timeout", seen.result)
    assert.equal("deadline", seen.limit)
    assert.equal("unknown", seen.outcome)
    assert.equal(0, seen.status)
    assert.equal("", seen.body)
    assert.equal(1, #seen.history)
    assert.equal(503, seen.history[1].status)
  end)

  it("is never passed by a wait", function()
    for _ = 1, 100 do
      local eager = testing.client { backoff_base = 3000, backoff_cap = 8000, retries = 9,
        deadline = 5 * SECOND, timeout = 10 * SECOND }
      local call, now = submitted({}, 0, eager), 0
      while call:state() ~= "done" do
        if call:state() == "in_flight" then
          engine:finish(engine:attempts()[1].serial, answers.status(503))
          now = now + 1234
        else
          now = engine:wake()
          assert.is_true(now < 5 * SECOND)
        end
        engine:advance(now)
      end
      assert.equal("server", call:look().result)
    end
  end)
end)
