-- Which key an attempt carries, and that no failed answer shows it.

local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local KEY = "tm_live_canary0123456789"
local engine, client

before_each(function()
  engine = testing.new()
  client = testing.client { key = KEY, backoff_base = 0, backoff_cap = 0, events = true }
end)

after_each(function() engine:destroy() end)

local function submitted(spec)
  local call = testing.call(client, spec or {})
  engine:submit(call, 0)
  engine:advance(0)
  return call
end

local function shows_no_key(call)
  for name, value in pairs(call:look()) do
    assert.is_nil(tostring(value):find("canary", 1, true), name)
  end
  for event in function() return (client:event()) end do
    for name, value in pairs(event) do
      assert.is_nil(tostring(value):find("canary", 1, true), name)
    end
  end
end

describe("a key", function()
  it("is on the wire of each attempt", function()
    submitted()
    assert.equal("Authorization: Bearer " .. KEY, engine:attempts()[1].authorization)
  end)

  it("that was replaced is used from the next attempt on", function()
    submitted()
    assert.equal("ok", client:set_key "tm_live_next")
    submitted()
    local function keys()
      local seen = {}
      for i, attempt in ipairs(engine:attempts()) do seen[i] = attempt.authorization:sub(23) end
      return seen
    end
    assert.same({ KEY, "tm_live_next" }, keys())
    engine:finish(1, answers.status(503))
    engine:advance(1)
    assert.same({ "tm_live_next", "tm_live_next" }, keys())
  end)

  it("that cannot be sent replaces nothing", function()
    assert.equal("config", client:set_key "a b")
    submitted()
    assert.equal("Authorization: Bearer " .. KEY, engine:attempts()[1].authorization)
  end)

  it("is let go when the call is done", function()
    local call = submitted()
    assert.is_true(call:look().has_authorization)
    engine:finish(1, answers.ok())
    engine:advance(1)
    assert.is_false(call:look().has_authorization)
  end)
end)

describe("a server that sends the key back", function()
  local function echo(status)
    return answers.status(status, { "X-Echo: " .. KEY, "X-Request-Id: " .. KEY, "X: y" },
      KEY .. " is no key: '" .. KEY .. KEY .. "'.")
  end

  it("does not put it into a failed answer or an event", function()
    for _, status in ipairs { 301, 400, 401, 403, 404, 500 } do
      local call = submitted { retries = 0 }
      engine:finish(engine:attempts()[1].serial, echo(status))
      engine:advance(1)
      local stars = ("*"):rep(#KEY)
      local seen = call:look()
      assert.equal(stars .. " is no key: '" .. stars .. stars .. "'.", seen.body)
      assert.equal("X-Echo: " .. stars .. "\nX-Request-Id: " .. stars .. "\nX: y\n", seen.fields)
      shows_no_key(call)
    end
  end)

  it("does not put it into the answer of an attempt that broke, or of one that was ended",
    function()
      local broken, late, cancelled, closed =
        submitted { retries = 0 }, submitted { retries = 0, timeout = 5 }, submitted(), submitted()
      local cut = echo(200)
      cut.failure, cut.message = "protocol", "Got " .. KEY .. "?"
      engine:finish(1, cut)
      for serial = 2, 4 do engine:reach(serial, echo(200)) end
      engine:cancel(cancelled, "cancelled", 1)
      engine:cancel(closed, "closed", 1)
      engine:advance(5)
      assert.equal("timeout", late:look().result)
      for _, call in ipairs { broken, late, cancelled, closed } do shows_no_key(call) end
      assert.equal("Got " .. ("*"):rep(#KEY) .. "?", broken:look().message)
    end)

  it("does not put the key of the attempt there when another replaced it meanwhile", function()
    local call = submitted { retries = 0 }
    client:set_key "tm_live_next"
    engine:finish(1, echo(401))
    engine:advance(1)
    shows_no_key(call)
  end)

  it("gets its own answer through where all went well", function()
    local call = submitted()
    engine:finish(1, echo(200))
    engine:advance(1)
    assert.is_truthy(call:look().body:find(KEY, 1, true))
  end)
end)
