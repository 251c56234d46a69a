-- Calls whose owners wait elsewhere: announced, listed when they are done; and those nobody waits for any more.

local testing = require("trailmark_testing").engine
local boot_us = require("trailmark_testing").clock.boot_us
local answers = require "spec.support.answers"

local engine, client

before_each(function()
  engine = testing.new()
  client = testing.client { concurrency = 2, retries = 0 }
end)

after_each(function() engine:destroy() end)

local function submitted(spec, of)
  local call = testing.call(of or client, spec or {})
  engine:submit(call, 0)
  return call
end

local function several(count)
  local calls = {}
  for i = 1, count do calls[i] = submitted { target = "/" .. i } end
  engine:advance(0)
  return calls
end

local function listed()
  local ids = {}
  for id in function() return engine:next_finished() end do ids[#ids + 1] = id end
  return ids
end

local function ids_of(calls)
  local ids = {}
  for i, call in ipairs(calls) do ids[i] = call:look().id end
  return ids
end

describe("an announced call", function()
  it("is listed once it is done, and only once", function()
    local call = several(1)[1]
    assert.is_true(engine:announce(call))
    assert.is_true(engine:announce(call))
    assert.same({}, listed())
    assert.is_false(engine:news().finished)
    engine:finish(1, answers.ok())
    engine:advance(1)
    assert.is_true(engine:news().finished)
    assert.same(ids_of { call }, listed())
    assert.is_false(engine:news().finished)
    assert.same({}, listed())
  end)

  it("that is done already is told so, and is not listed", function()
    local call = several(1)[1]
    engine:finish(1, answers.ok())
    engine:advance(1)
    assert.is_false(engine:announce(call))
    assert.same({}, listed())
  end)

  it("is listed in the order of the ends, and the others are not", function()
    local calls = several(5)
    for _, i in ipairs { 1, 2, 4 } do engine:announce(calls[i]) end
    engine:finish(2, answers.ok())
    engine:advance(1)
    engine:finish(1, answers.status(500))
    engine:finish(3, answers.ok())
    engine:cancel(calls[4], "cancelled", 2)
    engine:advance(2)
    assert.same(ids_of { calls[2], calls[4], calls[1] }, listed())
  end)

  it("ends in every way there is", function()
    client = testing.client { concurrency = 4, retries = 0, timeout = 5, deadline = 10 }
    local calls = several(6)
    for _, call in ipairs(calls) do engine:announce(call) end
    engine:finish(1, answers.ok())
    engine:finish(2, answers.lost())
    engine:advance(1)
    engine:advance(6) -- the timeout of four
    engine:cancel_client(client, "closed", 7)
    engine:advance(20)
    assert.equal(6, #listed())
    assert.equal(0, engine:live())
  end)

  it("is held until it was taken, whoever else lets go of it", function()
    local call = several(1)[1]
    local id = call:look().id
    engine:announce(call)
    engine:finish(1, answers.ok())
    engine:advance(1)
    assert.equal(2, call:look().holders)
    call:release()
    assert.same({ id }, listed())
    assert.equal(1, client:look().holders)
  end)

  it("that nobody takes goes with the engine", function()
    local calls = several(3)
    for _, call in ipairs(calls) do engine:announce(call) end
    engine:finish(1, answers.ok())
    engine:advance(1)
    engine:destroy()
    for _, call in ipairs(calls) do assert.equal(1, call:look().holders) end
    assert.equal("cancelled", calls[2]:look().result)
  end)

  it("of the parent is listed in the child of a fork, as cancelled", function()
    local calls = several(3)
    engine:announce(calls[1])
    engine:announce(calls[3])
    engine:replace()
    local ids = listed()
    table.sort(ids)
    assert.same(ids_of { calls[1], calls[3] }, ids)
    assert.equal("cancelled", calls[3]:look().result)
  end)

  it("is every one of a client's, where all are", function()
    local other = testing.client {}
    local calls = several(3)
    local foreign = submitted({}, other)
    engine:advance(0)
    engine:announce_all(client)
    engine:cancel_client(client, "closed", 1)
    engine:cancel(foreign, "cancelled", 1)
    local ids, expected = listed(), ids_of(calls)
    table.sort(ids)
    table.sort(expected)
    assert.same(expected, ids)
  end)

  it("ends the wait of the inline driver, whoever's it is", function()
    local call = testing.call(client, {})
    engine:submit(call, boot_us())
    engine:announce(call)
    engine:waits "nf"
    assert.equal("finished", engine:drive(nil, 60))
    assert.equal("finished", engine:drive(nil, 60)) -- until somebody has taken it
    assert.equal(2, engine:counts().waited)
    listed()
    assert.equal("time", engine:drive(nil, 0))
  end)

  it("gives way to the end of the call that is waited for", function()
    local call = testing.call(client, {})
    engine:submit(call, boot_us())
    engine:announce(call)
    engine:waits "f"
    assert.equal("done", engine:drive(call, 60))
    assert.equal(1, #listed())
  end)
end)

describe("a dropped call", function()
  it("is cancelled where nothing of it was sent", function()
    local calls = several(3)
    engine:drop(calls[3], 1)
    assert.equal("done", calls[3]:state())
    assert.equal("cancelled", calls[3]:look().result)
    assert.equal("not_sent", calls[3]:look().outcome)
    assert.equal(2, engine:counts().started)
  end)

  it("runs on where it is in flight, and holds its client as long", function()
    local call = several(1)[1]
    engine:drop(call, 1)
    call:release()
    assert.equal(2, client:look().holders)
    engine:finish(1, answers.ok())
    engine:advance(2)
    assert.same({ 0, 0, 1 }, { engine:live(), engine:counts().cancelled, client:look().holders })
  end)

  it("runs on where it waits between two attempts", function()
    client = testing.client { backoff_base = 0, backoff_cap = 0 }
    local call = several(1)[1]
    engine:finish(1, answers.status(503, { "Retry-After: 1" }))
    engine:advance(1)
    assert.equal("backing_off", call:state())
    engine:drop(call, 2)
    assert.equal("backing_off", call:state())
    engine:advance(3e6)
    engine:finish(2, answers.ok())
    engine:advance(3e6)
    assert.equal("ok", call:look().result)
  end)

  it("that waits for a key with nothing sent is cancelled; with something sent it runs on", function()
    client = testing.client { backoff_base = 0, backoff_cap = 0 }
    client:answer_function "old-key"
    local sent = several(1)[1]
    engine:finish(1, answers.status(401))
    engine:advance(1)
    local unsent = submitted()
    engine:advance(1)
    assert.same({ "awaiting_key", "awaiting_key" }, { sent:state(), unsent:state() })
    engine:drop(sent, 2)
    engine:drop(unsent, 2)
    assert.same({ "awaiting_key", "done" }, { sent:state(), unsent:state() })
    client:answer_function "new-key"
    engine:answered(client, 3)
    engine:advance(3)
    engine:finish(2, answers.ok())
    engine:advance(4)
    assert.equal("ok", sent:look().result)
  end)

  it("is no other's concern: new, done, or dropped before", function()
    local new = testing.call(client, {})
    engine:drop(new, 0)
    assert.equal("new", new:state())
    local calls = several(3)
    engine:drop(calls[3], 1)
    engine:drop(calls[3], 1)
    engine:finish(1, answers.ok())
    engine:advance(1)
    engine:drop(calls[1], 1)
    assert.equal("ok", calls[1]:look().result)
    assert.equal(1, engine:live())
  end)
end)

describe("a client's live calls", function()
  it("are counted from submission to the end", function()
    local other = testing.client {}
    local calls = several(4)
    submitted({}, other)
    assert.same({ 4, 1, 5 }, { client:live(), other:live(), engine:live() })
    engine:finish(1, answers.ok())
    engine:advance(1)
    engine:cancel(calls[4], "cancelled", 1)
    assert.same({ 2, 1, 3 }, { client:live(), other:live(), engine:live() })
    engine:cancel_client(client, "closed", 2)
    assert.same({ 0, 1, 1 }, { client:live(), other:live(), engine:live() })
    engine:replace()
    assert.equal(0, other:live())
  end)
end)
