local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local SECOND = 1e6
local engine, client

before_each(function()
  engine = testing.new()
  client = testing.client { backoff_base = 0, backoff_cap = 0, concurrency = 1 }
end)

after_each(function() engine:destroy() end)

local function submitted(spec, of)
  local call = testing.call(of or client, spec or {})
  engine:submit(call, 0)
  engine:advance(0)
  return call
end

local function gone(call, kind)
  local seen = call:look()
  assert.equal("done", seen.state)
  assert.equal(kind or "cancelled", seen.result)
  assert.is_false(seen.has_timer)
  assert.is_false(seen.has_authorization)
  return seen
end

describe("a cancelled call", function()
  it("that is new stays new", function()
    local call = testing.call(client, {})
    engine:cancel(call, "cancelled", 0)
    assert.equal("new", call:state())
    assert.equal(1, call:look().holders)
  end)

  it("that waits for a place was not sent, and can be repeated", function()
    submitted()
    local call = submitted { method = "POST" }
    engine:cancel(call, "cancelled", 7)
    local seen = gone(call)
    assert.equal("not_sent", seen.outcome)
    assert.equal("cancelled while waiting for a place among the transfers in flight", seen.message)
    assert.equal(0, seen.attempts)
    assert.equal(7, seen.elapsed)
    assert.is_true(seen.repeatable)
    assert.is_nil(seen.history)
    assert.equal(0, engine:counts().cancelled)
    assert.equal(1, engine:live())
  end)

  it("that is in flight ends its transfer, and is as far as that had come", function()
    local call = submitted { method = "PUT" }
    engine:reach(1, answers.lost("ok", "waiting for the answer"))
    engine:cancel(call, "cancelled", 9)
    local seen = gone(call)
    assert.equal("unknown", seen.outcome)
    assert.equal("cancelled while waiting for the answer", seen.message)
    assert.equal(1, engine:counts().cancelled)
    assert.equal(0, #engine:attempts())
    assert.equal(0, client:look().in_flight)
    assert.same({ { status = 0, kind = "cancelled", wait = 0, elapsed = 9 } }, seen.history)
    assert.is_nil(engine:wake())
  end)

  it("that is in flight and has sent nothing was not sent", function()
    local call = submitted { method = "POST" }
    engine:reach(1, answers.unsent "ok")
    engine:cancel(call, "cancelled", 1)
    local seen = gone(call)
    assert.equal("not_sent", seen.outcome)
    assert.is_true(seen.repeatable)
  end)

  it("that has seen the head of a 2xx is done, and not to be repeated without a key", function()
    local call = submitted { method = "POST" }
    engine:reach(1, answers.ok "part")
    engine:cancel(call, "cancelled", 1)
    local seen = gone(call)
    assert.equal("done", seen.outcome)
    assert.is_false(seen.repeatable)
  end)

  it("that waits before a retry keeps what was, and shows no older answer as its own", function()
    local call = submitted { method = "PUT" }
    engine:finish(1, answers.status(503, { "Retry-After: 5", "X-Request-Id: r" }, "busy"))
    engine:advance(1)
    assert.equal("backing_off", call:state())
    engine:cancel(call, "cancelled", 2)
    local seen = gone(call)
    assert.equal("unknown", seen.outcome)
    assert.equal(1, seen.attempts)
    assert.is_true(seen.repeatable)
    assert.equal(503, seen.history[1].status)
    assert.equal("server", seen.history[1].kind)
    assert.equal(0, seen.status)
    assert.is_false(seen.complete)
    assert.equal("", seen.body)
    assert.is_nil(engine:wake())
  end)

  it("that is done stays as it was", function()
    local call = submitted()
    engine:finish(1, answers.ok "body")
    engine:advance(1)
    engine:cancel(call, "cancelled", 2)
    local seen = call:look()
    assert.equal("ok", seen.result)
    assert.equal("body", seen.body)
    assert.equal(1, seen.elapsed)
    assert.equal(1, seen.holders)
  end)

  it("whose answer had just come, but was not taken in, ends all the same", function()
    local call, next_one = submitted { method = "PUT" }, testing.call(client, {})
    engine:submit(next_one, 0)
    engine:finish(1, answers.ok "unread")
    engine:cancel(call, "cancelled", 2)
    gone(call)
    engine:advance(3)
    assert.equal("in_flight", next_one:state())
    assert.equal(2, #engine:attempts() + 1)
    assert.equal("cancelled", call:look().result)
  end)

  it("may have been dropped before", function()
    local other = testing.client {}
    local call = submitted({}, other)
    call:release()
    engine:cancel_client(other, "cancelled", 1)
    assert.equal(0, engine:live())
    assert.equal(1, other:look().holders)
  end)
end)

describe("the calls of a client", function()
  it("are cancelled together, in every state, and no other's", function()
    client = testing.client { backoff_base = 0, backoff_cap = 0, concurrency = 2 }
    local other = testing.client {}
    local done, backing = submitted(), submitted()
    engine:finish(1, answers.ok())
    engine:finish(2, answers.status(503, { "Retry-After: 9" }))
    engine:advance(1)
    local flying = { submitted(), submitted() }
    local waiting = { submitted(), submitted() }
    local theirs = submitted({}, other)
    assert.same({ "backing_off", "in_flight", "queued" },
      { backing:state(), flying[2]:state(), waiting[1]:state() })
    engine:cancel_client(client, "closed", 2)
    for _, call in ipairs { backing, flying[1], flying[2], waiting[1], waiting[2] } do
      gone(call, "closed")
    end
    assert.equal("ok", done:look().result)
    assert.equal("in_flight", theirs:state())
    assert.equal(1, engine:live())
    assert.equal(1, #engine:attempts())
    assert.equal(2, engine:counts().cancelled)
    engine:advance(3)
    assert.same({ in_flight = 0, queued = 0, holders = 7 }, client:look())
    engine:cancel_client(client, "closed", 3)
    engine:cancel_client(other, "cancelled", 3)
    assert.equal(0, engine:live())
  end)

  it("leave the client to itself when it was dropped with calls left", function()
    local dropped = testing.client { concurrency = 1 }
    local first, second = submitted({}, dropped), submitted({}, dropped)
    dropped:release()
    collectgarbage()
    engine:finish(1, answers.ok "one")
    engine:advance(1)
    engine:finish(2, answers.ok "two")
    engine:advance(2)
    assert.equal("one", first:look().body)
    assert.equal("two", second:look().body)
  end)
end)

describe("the end of an engine", function()
  it("cancels what is left and lets go of everything once", function()
    local destroyed, abandoned = testing.ended()
    client = testing.client { concurrency = 1 }
    local calls = { submitted(), submitted(), submitted({ method = "PUT" }) }
    engine:destroy()
    for _, call in ipairs(calls) do
      gone(call)
      assert.equal(1, call:look().holders)
    end
    assert.equal(4, client:look().holders)
    assert.same({ destroyed + 1, abandoned }, { testing.ended() })
    engine:destroy()
    assert.same({ destroyed + 1, abandoned }, { testing.ended() })
    engine = testing.new()
  end)

  it("may come after all handles were dropped", function()
    local call = submitted()
    call:release()
    client:release()
    engine:destroy()
    engine = testing.new()
  end)
end)

describe("in the child of a fork", function()
  it("the parent's calls end as cancelled, and tell why", function()
    local destroyed, abandoned = testing.ended()
    client = testing.client { concurrency = 1, backoff_base = 0, backoff_cap = 0 }
    local flying, waiting = submitted { method = "POST" }, submitted()
    local other = testing.client { backoff_base = 0, backoff_cap = 0 }
    local backing = submitted({ method = "PUT" }, other)
    engine:finish(2, answers.status(503, { "Retry-After: 5" }))
    engine:advance(1)
    assert.equal("backing_off", backing:state())
    engine:replace()
    for _, call in ipairs { flying, waiting, backing } do
      assert.is_truthy(gone(call).message:find("forked", 1, true))
    end
    assert.equal("unknown", flying:look().outcome)
    assert.is_false(flying:look().repeatable)
    assert.equal("not_sent", waiting:look().outcome)
    assert.is_true(waiting:look().repeatable)
    assert.equal("unknown", backing:look().outcome)
    assert.equal(0, backing:look().status)
    assert.same({ destroyed, abandoned + 1 }, { testing.ended() })
    assert.equal(0, engine:live())
    assert.is_nil(engine:wake())
  end)

  it("no transfer of the parent's is ended, and the child's go their own way", function()
    local flying = submitted()
    engine:replace()
    assert.same({ 0, 0 }, { engine:counts().started, engine:counts().cancelled })
    engine:advance(0)
    local own = submitted()
    assert.equal(1, engine:attempts()[1].serial)
    engine:finish(1, answers.ok "own")
    engine:advance(1)
    assert.equal("own", own:look().body)
    assert.equal("cancelled", flying:look().result)
    assert.same({ in_flight = 0, queued = 0, holders = 3 }, client:look())
  end)

  it("the deadline of no call of the parent's is waited for", function()
    submitted()
    engine:replace()
    engine:advance(1000 * SECOND)
    assert.equal(0, engine:live())
  end)
end)

describe("a call cancelled after a retry", function()
  it("tells nothing of the wait that an earlier answer asked for", function()
    local call = submitted { method = "GET" }
    engine:finish(1, answers.status(503, { "Retry-After: 0" }))
    engine:advance(1)
    engine:advance(2)
    assert.equal("in_flight", call:state())
    engine:cancel(call, "cancelled", 3)
    assert.equal(-1, gone(call).retry_after_ms)
  end)
end)

describe("a call cancelled within its answer", function()
  it("has told the client what the head said of the rate limit", function()
    local paced = testing.client { paced = true, pace_shared = false }
    local call = submitted({}, paced)
    engine:reach(1, answers.cut_body(200, {
      "Date: Sun, 06 Nov 1994 08:49:37 GMT", "X-RateLimit-Limit: 600", "X-RateLimit-Remaining: 7",
      "X-RateLimit-Reset: 784111800",
    }))
    engine:cancel(call, "cancelled", 3)
    assert.is_true(gone(call).has_rate)
  end)
end)
