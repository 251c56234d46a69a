-- The question for a key, before a call or after a 401: it is taken by one, may be given back, and ends when
-- nobody is left.

local testing = require("trailmark_testing").engine
local boot_us = require("trailmark_testing").clock.boot_us
local answers = require "spec.support.answers"

local engine, client

before_each(function()
  engine = testing.new()
  client = testing.client { backoff_base = 0, backoff_cap = 0 }
  client:answer_function "old-key"
end)

after_each(function() engine:destroy() end)

--- Calls whose key was rejected, so that the question is there.
local function rejected(count)
  local calls = {}
  for i = 1, count or 1 do
    calls[i] = testing.call(client, {})
    engine:submit(calls[i], 0)
  end
  engine:advance(0)
  for _, attempt in ipairs(engine:attempts()) do
    engine:finish(attempt.serial, answers.status(401))
  end
  engine:advance(1)
  return calls
end

local function serve_all()
  for _, attempt in ipairs(engine:attempts()) do engine:finish(attempt.serial, answers.ok()) end
  engine:advance(3)
end

describe("a question", function()
  it("is news until it is taken, by one", function()
    rejected(3)
    assert.is_true(engine:news().question)
    assert.equal("ask", client:question())
    assert.equal("ask", engine:take(client))
    assert.is_false(engine:news().question)
    assert.equal("give_up", client:question())
    assert.equal("give_up", engine:take(client))
  end)

  it("that is given back may be taken again", function()
    rejected(1)
    engine:take(client)
    engine:give_back(client)
    assert.is_true(engine:news().question)
    assert.equal("ask", engine:take(client))
    engine:give_back(client)
    engine:give_back(client) -- there is nothing left to give back
    engine:take(client)
    assert.is_false(engine:news().question)
  end)

  it("is over when it is answered, taken or not", function()
    for _, takes in ipairs { true, false } do
      client = testing.client { backoff_base = 0, backoff_cap = 0 }
      client:answer_function "old-key"
      local calls = rejected(3)
      if takes then engine:take(client) end
      client:answer_function "new-key"
      engine:answered(client, 2)
      assert.is_false(engine:news().question)
      assert.equal("give_up", client:question())
      engine:give_back(client) -- too late
      assert.is_false(engine:news().question)
      for _ = 1, 5 do
        engine:advance(2)
        serve_all()
      end
      for _, call in ipairs(calls) do assert.equal("ok", call:look().result) end
    end
  end)

  it("goes with its client's calls", function()
    for _, takes in ipairs { true, false } do
      client = testing.client {}
      client:answer_function "old-key"
      rejected(2)
      if takes then engine:take(client) end
      engine:cancel_client(client, "closed", 2)
      assert.is_false(engine:news().question)
      assert.equal(0, engine:live())
    end
  end)

  it("of one client is not another's", function()
    local first = client
    rejected(1)
    client = testing.client {}
    client:answer_function "other-old-key"
    rejected(1)
    engine:take(first)
    assert.is_true(engine:news().question)
    assert.equal("ask", engine:take(client))
    assert.is_false(engine:news().question)
    engine:cancel_client(first, "closed", 2)
    engine:give_back(client)
    assert.is_true(engine:news().question)
  end)

  it("ends the inline driver's wait until it is taken", function()
    client = testing.client {}
    client:answer_function "old-key"
    local call = testing.call(client, {})
    engine:submit(call, boot_us())
    engine:advance(boot_us())
    engine:finish(1, answers.status(401))
    assert.equal("key", engine:drive(nil, 60))
    assert.equal("key", engine:drive(call, 60))
    engine:take(client)
    assert.equal("time", engine:drive(call, 0))
  end)
end)

describe("a client that nobody can ask any more", function()
  it("has the calls that wait for a key fail", function()
    for _, takes in ipairs { true, false } do
      client = testing.client {}
      client:answer_function "old-key"
      local calls = rejected(3)
      if takes then engine:take(client) end
      engine:deaf(client, 2)
      assert.is_false(engine:news().question)
      for _, call in ipairs(calls) do assert.equal("unauthorized", call:look().result) end
      assert.equal(0, engine:live())
    end
  end)

  it("asks no question later", function()
    engine:deaf(client, 0)
    local calls = rejected(2)
    assert.is_false(engine:news().question)
    for _, call in ipairs(calls) do assert.equal("unauthorized", call:look().result) end
  end)

  it("still tries a fallback key that it has", function()
    client:set_fallback "good-key"
    for _, before in ipairs { true, false } do
      client = testing.client {}
      client:answer_function "old-key"
      client:set_fallback "good-key"
      if before then engine:deaf(client, 0) end
      local calls = rejected(1)
      if not before then engine:deaf(client, 1) end
      engine:advance(2)
      assert.equal("Authorization: Bearer good-key", engine:attempts()[1].authorization)
      serve_all()
      assert.equal("ok", calls[1]:look().result)
    end
  end)
end)

describe("a client whose key a function gives", function()
  before_each(function()
    client = testing.client { backoff_base = 0, backoff_cap = 0 }
    client:use_function()
  end)

  local function submitted(count, spec, now)
    local calls = {}
    for i = 1, count do
      calls[i] = testing.call(client, spec or {})
      engine:submit(calls[i], now or 0)
    end
    engine:advance(now or 0)
    return calls
  end

  local function given(key, now)
    client:answer_function(key)
    client:keep_until(1e15)
    engine:answered(client, now or 1)
    engine:advance(now or 1)
  end

  it("asks once before its calls, which send nothing meanwhile", function()
    local calls = submitted(3)
    assert.equal("ask_first", client:question())
    assert.is_true(engine:news().question)
    for _, call in ipairs(calls) do assert.equal("awaiting_key", call:look().state) end
    assert.same({}, engine:attempts())
    assert.equal("ask_first", engine:take(client))
    calls[4] = submitted(1)[1]
    assert.is_false(engine:news().question)
    given "new-key"
    assert.equal(4, #engine:attempts())
    for _, attempt in ipairs(engine:attempts()) do
      assert.equal("Authorization: Bearer new-key", attempt.authorization)
    end
    submitted(1)
    assert.equal("give_up", client:question())
  end)

  it("ends the calls that wait where the function gives none, and asks the next one anew", function()
    local calls = submitted(2)
    engine:take(client)
    engine:answered(client, 1, "the vault is shut")
    for _, call in ipairs(calls) do
      local look = call:look()
      assert.same({ "config", "the vault is shut", "not_sent" }, { look.result, look.message, look.outcome })
    end
    submitted(1)
    assert.equal("ask_first", engine:take(client))
  end)

  it("asks again when the key has expired, before calls and not between attempts", function()
    submitted(1)
    engine:take(client)
    client:answer_function "short-lived"
    client:keep_until(1)
    engine:answered(client, 1) -- it is good for the calls that were there
    engine:advance(1)
    assert.equal(1, #engine:attempts())
    engine:finish(1, answers.status(503))
    engine:advance(2)
    assert.equal(1, #engine:attempts())
    assert.equal("give_up", client:question())
    submitted(1, {}, 3)
    assert.equal("ask_first", engine:take(client))
    assert.equal(1, #engine:attempts())
  end)

  it("has no call begin that the function kept beyond its deadline", function()
    local late, call = submitted(1, { deadline = 1000 })[1], submitted(1, { deadline = 5000 })[1]
    engine:take(client)
    given("new-key", 2000)
    assert.same({ "timeout", "timed out waiting for the function key", "not_sent" },
      { late:look().result, late:look().message, late:look().outcome })
    assert.equal("in_flight", call:look().state)
  end)

  it("times out in the engine while the function is asked", function()
    local call = submitted(1, { deadline = 1000 })[1]
    engine:take(client)
    engine:advance(1000)
    assert.same({ "timeout", "timed out waiting for the function key" }, { call:look().result, call:look().message })
    given("new-key", 1100)
    submitted(1)
    assert.equal(1, #engine:attempts())
  end)

  -- Its key is asked for first, too, before another call: both ends meet.
  it("ends a call whose trial of a key is refused while the function is asked, once", function()
    client:set_fallback "second-key"
    local call = submitted(1)[1]
    engine:announce(call)
    for _ = 1, 2 do -- first, and after the 401, when it says the same
      engine:take(client)
      client:answer_function "bad-key"
      client:keep_until(1)
      engine:answered(client, 1)
      engine:advance(1)
      if call:look().attempts == 1 then engine:finish(1, answers.status(401)) end
      engine:advance(2)
    end
    assert.equal("Authorization: Bearer second-key", engine:attempts()[1].authorization)
    local other = submitted(1, {}, 3)[1]
    assert.equal("ask_first", engine:take(client))
    engine:finish(2, answers.status(401))
    engine:advance(4)
    engine:answered(client, 5, "the vault is shut")
    assert.same({ "unauthorized", "config" }, { call:look().result, other:look().result })
    assert.equal(0, engine:live())
    assert.truthy(engine:next_finished())
    assert.is_nil(engine:next_finished())
  end)

  it("is not asked once a key was set", function()
    client:set_key "own-key"
    submitted(1)
    assert.equal("Authorization: Bearer own-key", engine:attempts()[1].authorization)
    client:use_function()
    submitted(1)
    assert.equal("ask_first", client:question())
  end)

  it("ends its calls when nobody is left to be asked", function()
    for _, takes in ipairs { true, false } do
      client = testing.client {}
      client:use_function()
      local before = submitted(1)[1]
      if takes then engine:take(client) end
      engine:deaf(client, 1)
      assert.is_false(engine:news().question)
      local after = submitted(1)[1]
      for _, call in ipairs { before, after } do
        assert.same({ "config", "not_sent" }, { call:look().result, call:look().outcome })
      end
      assert.equal(0, engine:live())
    end
  end)
end)
