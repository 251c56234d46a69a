local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local SECOND = 1e6

describe("a call", function()
  local engine, client

  before_each(function()
    engine = testing.new()
    client = testing.client { backoff_base = 0, backoff_cap = 0 }
  end)

  after_each(function() engine:destroy() end)

  local function submitted(spec, now)
    local call = testing.call(client, spec or {})
    assert.equal("ok", engine:submit(call, now or 0))
    return call
  end

  it("is new, queued, in flight, done", function()
    local call = testing.call(client, {})
    assert.equal("new", call:state())
    assert.equal(0, engine:live())
    assert.is_nil(engine:wake())
    engine:submit(call, 5)
    assert.equal("queued", call:state())
    assert.equal(1, engine:live())
    assert.equal(0, #engine:attempts())
    engine:advance(5)
    assert.equal("in_flight", call:state())
    assert.equal(1, #engine:attempts())
    engine:advance(6)
    assert.equal("in_flight", call:state())
    engine:finish(1, answers.ok "body")
    engine:advance(7)
    assert.equal("done", call:state())
    assert.equal(0, engine:live())
    assert.is_nil(engine:wake())
  end)

  it("ends well with the answer, after one attempt, without a history", function()
    local call = submitted(nil, 10)
    engine:advance(10)
    engine:finish(1, answers.status(201, { "X-Request-Id: r1" }, "the body"))
    engine:advance(25)
    local seen = call:look()
    assert.equal("ok", seen.result)
    assert.equal("done", seen.outcome)
    assert.equal("none", seen.limit)
    assert.equal(201, seen.status)
    assert.equal("the body", seen.body)
    assert.equal("X-Request-Id: r1\n", seen.fields)
    assert.equal(1, seen.attempts)
    assert.equal(15, seen.elapsed)
    assert.is_nil(seen.history)
    assert.is_false(seen.has_timer)
    assert.is_false(seen.has_authorization)
    assert.equal(1, seen.holders)
  end)

  it("asks for what it was given", function()
    client = testing.client {
      base_url = "https://api.test:8443/v1/",
      headers = "Accept: application/json\0X-Team: a\0",
      key = "tm_live_1",
    }
    submitted { method = "put", target = "/v1/a?b=c", body = "b\0dy" }
    engine:advance(0)
    local attempt = engine:attempts()[1]
    assert.equal("PUT", attempt.method)
    assert.equal("https://api.test:8443/v1/a?b=c", attempt.url)
    assert.equal("Accept: application/json\nX-Team: a\n", attempt.headers)
    assert.equal("Authorization: Bearer tm_live_1", attempt.authorization)
    assert.equal("b\0dy", attempt.body)
  end)

  it("has no body and no key where there is none, and an empty body where it is empty", function()
    submitted { method = "GET" }
    submitted { method = "POST", body = "" }
    engine:advance(0)
    local get, post = engine:attempts()[1], engine:attempts()[2]
    assert.is_nil(get.body)
    assert.is_nil(get.authorization)
    assert.equal("", get.headers)
    assert.equal("", post.body)
  end)

  it("uses its own headers instead of the client's, and adds its idempotency key", function()
    client = testing.client { headers = "A: client\0" }
    submitted { method = "POST", body = "x", idempotency_key = "k-1" }
    submitted { method = "POST", body = "x", idempotency_key = "k-2", headers = "B: own\0C: own\0" }
    submitted { headers = "B: own\0" }
    engine:advance(0)
    local seen = {}
    for i, attempt in ipairs(engine:attempts()) do seen[i] = attempt.headers end
    assert.same({
      "A: client\nIdempotency-Key: k-1\n",
      "B: own\nC: own\nIdempotency-Key: k-2\n",
      "B: own\n",
    }, seen)
  end)

  it("wants a connection of its own exactly when it may not be sent twice", function()
    local rows = {
      { "GET", nil, false }, { "HEAD", nil, false }, { "PUT", nil, false },
      { "DELETE", nil, false }, { "POST", nil, true }, { "PATCH", nil, true },
      { "POST", "k", false }, { "PATCH", "k", false },
    }
    for _, row in ipairs(rows) do submitted { method = row[1], idempotency_key = row[2] } end
    engine:advance(0)
    for i, attempt in ipairs(engine:attempts()) do
      assert.equal(rows[i][3], attempt.fresh, rows[i][1] .. " " .. tostring(rows[i][2]))
    end
  end)

  it("has its path without query, below the base URL's", function()
    local rows = {
      ["/v1/a/b?c=d"] = "/a/b", ["/v1/a"] = "/a", ["/v1"] = "/v1", ["/v1?x=1"] = "/v1",
      ["/v10/a"] = "/v10/a", ["/other"] = "/other", ["/"] = "/", ["/v1/"] = "/",
      ["/v1/a?b?c"] = "/a",
    }
    for target, path in pairs(rows) do
      assert.equal(path, testing.call(client, { target = target }):look().path, target)
    end
  end)

  it("lives on when its handle is dropped, and so does its client", function()
    local dropped, kept = submitted(), submitted()
    engine:advance(0)
    assert.equal(2, dropped:look().holders)
    dropped:release()
    client:release()
    engine:finish(1, answers.ok())
    engine:advance(1)
    assert.equal(1, engine:live())
    engine:finish(2, answers.ok "kept")
    engine:advance(2)
    assert.equal("kept", kept:look().body)
    assert.equal(0, engine:live())
  end)

  it("frees its client once both are let go", function()
    local other = testing.client {}
    local call = testing.call(other, {})
    assert.equal(2, other:look().holders)
    engine:submit(call, 0)
    engine:advance(0)
    call:release()
    assert.equal(2, other:look().holders)
    engine:finish(1, answers.ok())
    engine:advance(1)
    assert.equal(1, other:look().holders)
  end)

  it("has a number of its own", function()
    local seen = {}
    for _ = 1, 100 do
      local id = testing.call(client, {}):look().id
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("ends when its attempt cannot be started, and tells why", function()
    for kind, pattern in pairs { no_memory = "memory", config = "option" } do
      engine:refuse(kind)
      local call = submitted { idempotency_key = "k" }
      engine:advance(3)
      local seen = call:look()
      assert.equal("done", seen.state)
      assert.equal(kind, seen.result)
      assert.equal("not_sent", seen.outcome)
      assert.equal(0, seen.attempts)
      assert.is_truthy(seen.message:find(pattern))
      assert.is_false(seen.has_authorization)
      assert.equal(0, engine:live())
      assert.equal(0, client:look().in_flight)
    end
    engine:refuse "ok"
    submitted()
    engine:advance(4)
    assert.equal(1, client:look().in_flight)
  end)

  it("keeps what earlier attempts did when a later one cannot be started", function()
    local call = submitted()
    engine:advance(0)
    engine:finish(1, answers.status(503))
    engine:refuse "no_memory"
    engine:advance(1)
    local seen = call:look()
    assert.equal("no_memory", seen.result)
    assert.equal("rejected", seen.outcome)
    assert.equal(1, seen.attempts)
    assert.equal(503, seen.history[1].status)
  end)

  it("takes in several answers of one step, in the order in which they came", function()
    local calls = {}
    for i = 1, 3 do calls[i] = submitted() end
    engine:advance(0)
    engine:finish(3, answers.ok "third")
    engine:finish(1, answers.status(404))
    engine:advance(9)
    assert.equal("third", calls[3]:look().body)
    assert.equal("not_found", calls[1]:look().result)
    assert.equal("in_flight", calls[2]:state())
  end)
end)

describe("the rate limit of a client", function()
  local function headers(limit, remaining, reset, ...)
    return { "X-RateLimit-Limit: " .. limit, "X-RateLimit-Remaining: " .. remaining,
      "X-RateLimit-Reset: " .. reset, ... }
  end

  local engine, client
  before_each(function()
    engine, client = testing.new(), testing.client { retries = 0 }
  end)
  after_each(function() engine:destroy() end)

  local function answered(answer, now)
    engine:submit(testing.call(client, {}), now)
    engine:advance(now)
    engine:finish(#engine:attempts() > 0 and engine:attempts()[1].serial, answer)
    engine:advance(now)
  end

  local DATE = "Date: Mon, 01 Dec 2025 00:00:00 GMT" -- 1764547200

  it("is unknown until a server told", function()
    assert.is_nil(client:rate(0))
    answered(answers.ok(), 0)
    assert.is_nil(client:rate(0))
  end)

  it("is that of the latest answer, a failed one too, and counts down by the server's clock",
    function()
      answered(answers.status(200, headers(600, 599, 1764547230, DATE)), 0)
      assert.same({ limit = 600, remaining = 599, reset = 1764547230, resets_in = 30 },
        client:rate(0))
      assert.equal(20, client:rate(10 * SECOND).resets_in)
      assert.equal(-5, client:rate(35 * SECOND).resets_in)
      answered(answers.status(429, headers(600, 0, 1764547260, DATE)), SECOND)
      assert.same({ limit = 600, remaining = 0, reset = 1764547260, resets_in = 60 },
        client:rate(SECOND))
    end)

  it("stays as it was when an answer says nothing, or nothing that makes sense", function()
    answered(answers.status(200, headers(600, 599, 1764547230, DATE)), 0)
    answered(answers.ok(), 0)
    answered(answers.status(200, headers(600, "x", 1764547231, DATE)), 0)
    answered(answers.status(200, headers(600, 1, 1764547231, DATE, "Age: 7")), 0)
    answered(answers.lost(), 0)
    assert.equal(599, client:rate(0).remaining)
  end)

  it("is not learnt from a header block that never ended", function()
    answered(answers.cut_head(200, headers(600, 3, 1764547230, DATE)), 0)
    assert.is_nil(client:rate(0))
    local early = answers.status(103, headers(600, 4, 1764547230, DATE))
    early.failure, early.cut = "protocol", true
    answered(early, 0)
    assert.is_nil(client:rate(0))
  end)
end)
