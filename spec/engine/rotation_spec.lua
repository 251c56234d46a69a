-- What a 401 makes of a client's keys and of its calls in flight.

local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local engine, client

before_each(function()
  engine = testing.new()
  client = testing.client { key = "old-key", backoff_base = 0, backoff_cap = 0 }
end)

after_each(function() engine:destroy() end)

local function submitted(spec)
  local call = testing.call(client, spec or {})
  engine:submit(call, 0)
  engine:advance(0)
  return call
end

local function several(count)
  local calls = {}
  for i = 1, count do calls[i] = submitted() end
  return calls
end

local function key_of(attempt) return attempt.authorization:match("Bearer (.*)") end

-- A server that knows these keys answers all that is under way, again and again; how many it saw.
local function serve(good, now)
  local seen = 0
  for _ = 1, 20 do
    for _, attempt in ipairs(engine:attempts()) do
      seen = seen + 1
      engine:finish(attempt.serial, answers.status(good[key_of(attempt)] and 200 or 401))
    end
    engine:advance(now or 1)
  end
  return seen
end

local function results(calls)
  local seen = {}
  for i, call in ipairs(calls) do
    assert.equal("done", call:state())
    seen[i] = call:look().result
  end
  return table.concat(seen, " ")
end

describe("a rejected key", function()
  it("without another ends the call, after one request", function()
    local calls = several(1)
    assert.equal(1, serve({}))
    assert.equal("unauthorized", results(calls))
  end)

  it("without another ends all calls in flight, each after one request", function()
    local calls = several(4)
    assert.equal(4, serve({}))
    assert.equal("unauthorized unauthorized unauthorized unauthorized", results(calls))
  end)

  it("gives way to the fallback key, which one call tries before the others follow", function()
    client:set_fallback "new-key"
    local calls = several(3)
    for serial = 1, 3 do engine:finish(serial, answers.status(401)) end
    engine:advance(1)
    assert.equal(1, #engine:attempts())
    assert.equal("new-key", key_of(engine:attempts()[1]))
    assert.equal("awaiting_key", calls[3]:state())
    local late = submitted()
    assert.equal("awaiting_key", late:state())
    calls[4] = late
    serve { ["new-key"] = true }
    assert.equal("ok ok ok ok", results(calls))
    assert.equal(2, calls[1]:look().attempts)
    assert.equal(1, late:look().attempts)
    local after = submitted()
    assert.equal("new-key", key_of(engine:attempts()[1]))
    serve { ["new-key"] = true }
    assert.equal("ok", after:look().result)
  end)

  it("and a rejected fallback key end every call that is in flight or waits", function()
    client:set_fallback "new-key"
    local calls = several(4)
    local requests = serve({})
    assert.equal("unauthorized unauthorized unauthorized unauthorized", results(calls))
    assert.equal(5, requests)
    assert.equal(0, engine:live())
    assert.is_nil(engine:wake())
  end)

  it("costs no retry and no idempotency", function()
    client:set_fallback "new-key"
    local call = submitted { method = "POST", retries = 0 }
    serve { ["new-key"] = true }
    assert.equal("ok", call:look().result)
    assert.equal(2, call:look().attempts)
  end)

  it("gives way to one that somebody has set meanwhile", function()
    local calls = several(2)
    assert.equal("ok", client:set_key "next-key")
    serve { ["next-key"] = true }
    assert.equal("ok ok", results(calls))
  end)

  it("lets the others go on when the call that tries another is cancelled or lost", function()
    for _, ending in ipairs { "cancel", "lost", "timeout" } do
      client = testing.client { key = "old-key", retries = 0, timeout = 5e6 }
      client:set_fallback "new-key"
      local calls = several(3)
      for _, attempt in ipairs(engine:attempts()) do
        engine:finish(attempt.serial, answers.status(401))
      end
      engine:advance(1)
      assert.equal("in_flight", calls[1]:state())
      if ending == "cancel" then engine:cancel(calls[1], "cancelled", 1) end
      if ending == "lost" then engine:finish(engine:attempts()[1].serial, answers.lost()) end
      engine:advance(ending == "timeout" and 5e6 + 1 or 2)
      serve({ ["new-key"] = true }, 5e6 + 2)
      assert.equal("done", calls[1]:state())
      assert.equal("ok", calls[2]:look().result, ending)
      assert.equal("ok", calls[3]:look().result, ending)
    end
  end)
end)

describe("a function key", function()
  before_each(function()
    client = testing.client {}
    assert.equal("ok", client:answer_function "old-key")
  end)

  it("is asked once for all calls that were rejected", function()
    local calls = several(3)
    for serial = 1, 3 do engine:finish(serial, answers.status(401)) end
    engine:advance(1)
    assert.equal("ask", client:question())
    assert.equal(0, #engine:attempts())
    for _, call in ipairs(calls) do assert.equal("awaiting_key", call:state()) end
    client:answer_function "new-key"
    engine:answered(client, 2)
    assert.equal("give_up", client:question())
    engine:advance(2)
    assert.equal(1, #engine:attempts())
    serve { ["new-key"] = true }
    assert.equal("ok ok ok", results(calls))
  end)

  it("that fails, or says the same again, ends them", function()
    for _, same in ipairs { true, false } do
      client = testing.client {}
      client:answer_function "old-key"
      local calls = several(3)
      serve {}
      assert.equal("ask", client:question())
      if same then client:answer_function "old-key" end
      engine:answered(client, 2)
      serve({}, 2)
      assert.equal("unauthorized unauthorized unauthorized", results(calls))
    end
  end)

  it("whose answer is late finds the calls ended by their deadline", function()
    local calls = several(2)
    serve {}
    engine:advance(100e6)
    assert.equal("timeout timeout", results(calls))
    assert.equal("deadline", calls[1]:look().limit)
    client:answer_function "new-key"
    engine:answered(client, 100e6)
    engine:advance(100e6)
    assert.equal(0, engine:live())
  end)
end)

describe("a client that is closed while a key is tried", function()
  it("has all of its calls ended as closed, and no other's", function()
    client:set_fallback "new-key"
    local calls = several(4)
    for serial = 1, 4 do engine:finish(serial, answers.status(401)) end
    engine:advance(1)
    engine:cancel_client(client, "closed", 2)
    assert.equal("closed closed closed closed", results(calls))
    assert.equal(0, engine:live())
  end)

  it("is so too when the key that is tried is known to be bad", function()
    client:set_fallback "bad-key"
    local first = several(2)
    serve {}
    assert.equal("unauthorized unauthorized", results(first))
    local calls = several(4)
    for i, call in ipairs(calls) do if i > 2 then call:release() end end
    engine:cancel_client(client, "closed", 70e6)
    assert.equal("closed", calls[1]:look().result)
    assert.equal("closed", calls[2]:look().result)
    assert.equal(0, engine:live())
  end)
end)

describe("a trial that ends before it begins", function()
  it("lets go of calls of a higher priority at once", function()
    client:set_fallback "good-key"
    local trial = submitted { priority = 1 }
    local urgent = submitted { priority = 2 }
    engine:finish(1, answers.status(401))
    engine:finish(2, answers.status(401))
    engine:refuse "no_memory"
    engine:advance(1)
    assert.equal("no_memory no_memory", results { trial, urgent })
  end)
end)
