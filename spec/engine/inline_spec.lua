local testing = require("trailmark_testing").engine
local core = require "trailmark_testing"
local answers = require "spec.support.answers"

describe("the inline driver", function()
  local engine, client

  before_each(function()
    engine = testing.new()
    client = testing.client { backoff_base = 0, backoff_cap = 0, retries = 0 }
  end)

  after_each(function() engine:destroy() end)

  -- The driver reads the machine's own clock, so calls are submitted by it.
  local function submitted(spec)
    local call = testing.call(client, spec or {})
    engine:submit(call, core.clock.boot_us())
    return call
  end

  it("waits until its call is done", function()
    local call = submitted()
    engine:waits "nnf"
    assert.equal("done", engine:drive(call, 60))
    assert.equal("ok", call:look().result)
    assert.equal(3, engine:counts().waited)
  end)

  it("does not wait for a call that is done", function()
    local call = submitted()
    engine:waits "f"
    engine:drive(call, 60)
    assert.equal("done", engine:drive(call, 60))
    assert.equal(1, engine:counts().waited)
  end)

  it("ends at its time, and lets other calls advance until then", function()
    local call = submitted()
    engine:waits "f"
    local before = core.clock.boot_us()
    assert.equal("time", engine:drive(nil, 0.05))
    assert.is_true(core.clock.boot_us() - before >= 50000)
    assert.equal("ok", call:look().result)
    assert.equal("time", engine:drive(submitted(), 0))
    assert.equal(1, #engine:attempts())
  end)

  it("returns at once for a signal, and goes on when asked again", function()
    local call = submitted()
    engine:waits "nsf"
    assert.equal("interrupted", engine:drive(call, 60))
    assert.equal(2, engine:counts().waited)
    assert.equal("in_flight", call:state())
    assert.equal("done", engine:drive(call, 60))
  end)

  it("returns when something has happened that a listener wants to know", function()
    client = testing.client { events = true }
    local call = submitted()
    assert.equal("events", engine:drive(call, 60))
    assert.equal("request", client:event().type)
    engine:waits "f"
    assert.equal("done", engine:drive(call, 60))
  end)

  it("returns when a function has to be asked for a key", function()
    client = testing.client {}
    client:answer_function "old"
    local call = submitted()
    engine:advance(core.clock.boot_us())
    engine:finish(1, answers.status(401))
    assert.equal("key", engine:drive(call, 60))
    client:answer_function "new"
    engine:answered(client, core.clock.boot_us())
    engine:waits "f"
    assert.equal("done", engine:drive(call, 60))
    assert.equal("ok", call:look().result)
  end)

  it("waits no longer than until the next timer", function()
    local call = submitted { timeout = 20000 }
    assert.equal("done", engine:drive(call, 60))
    assert.equal("timeout", call:look().limit)
    assert.is_true(call:look().elapsed >= 20000)
    assert.is_true(call:look().elapsed < 10e6)
  end)

  it("ends a call that cannot start", function()
    engine:refuse "no_memory"
    local call = submitted()
    assert.equal("done", engine:drive(call, 60))
    assert.equal(0, engine:counts().waited)
  end)

  it("takes in answers before it looks at the time", function()
    local call = submitted { timeout = 1 }
    engine:advance(core.clock.boot_us() - 1e6)
    engine:finish(1, answers.ok "in time")
    assert.equal("done", engine:drive(call, 0))
    assert.equal("in time", call:look().body)
  end)

  it("that comes late still takes the answer that came in time", function()
    local call = submitted()
    engine:advance(core.clock.boot_us())
    engine:waits "f"
    engine:advance(core.clock.boot_us() + 1e9)
    assert.equal("done", call:state())
    assert.equal("ok", call:look().result)
  end)
end)
