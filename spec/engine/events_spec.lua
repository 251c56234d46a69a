local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local KEPT = 256
local engine, client

before_each(function()
  engine = testing.new()
  client = testing.client { events = true, backoff_base = 0, backoff_cap = 0 }
end)

after_each(function() engine:destroy() end)

local function play(spec, list)
  local call = testing.call(client, spec or {})
  engine:submit(call, 0)
  engine:advance(0)
  for now, answer in ipairs(list or {}) do
    engine:finish(engine:attempts()[1].serial, answer)
    engine:advance(now)
  end
  return call
end

local function read()
  local list = {}
  for event in function() return (client:event()) end do list[#list + 1] = event end
  return list
end

local function types(list)
  local seen = {}
  for i, event in ipairs(list) do seen[i] = event.type end
  return table.concat(seen, " ")
end

describe("events", function()
  it("are none when recording is off", function()
    client = testing.client {}
    play({}, { answers.ok() })
    local event, dropped = client:event()
    assert.is_nil(event)
    assert.equal(0, dropped)
  end)

  it("tell a call that went well", function()
    local call = play({ method = "POST", target = "/v1/a/b?secret=1" }, {
      answers.status(201, { "X-Request-Id: r1", "X-RateLimit-Limit: 600",
        "X-RateLimit-Remaining: 3", "X-RateLimit-Reset: 1764547230" }),
    })
    local list = read()
    assert.equal("request response", types(list))
    for _, event in ipairs(list) do
      assert.equal(call:look().id, event.id)
      assert.equal("POST", event.method)
      assert.equal("https://api.test/v1/a/b", event.url)
      assert.equal(1, event.attempt)
      assert.equal("ok", event.kind)
    end
    assert.same({ 0, "", false }, { list[1].status, list[1].request_id, list[1].has_rate })
    assert.same({ 201, "r1", true, 1 },
      { list[2].status, list[2].request_id, list[2].has_rate, list[2].elapsed })
  end)

  it("tell every attempt, wait and end of one that failed", function()
    play({ method = "PUT", retries = 2 },
      { answers.status(503), answers.unsent(), answers.status(500) })
    local list = read()
    assert.equal("request response retry request retry request response error", types(list))
    local kinds, statuses, attempts = {}, {}, {}
    for i, event in ipairs(list) do
      kinds[i], statuses[i], attempts[i] = event.kind, event.status, event.attempt
    end
    assert.same({ "ok", "server", "server", "ok", "network", "ok", "server", "server" }, kinds)
    assert.same({ 0, 503, 503, 0, 0, 0, 500, 500 }, statuses)
    assert.same({ 1, 1, 1, 2, 2, 3, 3, 3 }, attempts)
    assert.equal(3, list[8].elapsed)
  end)

  it("tell how long a retry waits", function()
    local call = play({}, { answers.status(429, { "Retry-After: 2" }) })
    local list = read()
    assert.equal("request response retry", types(list))
    assert.equal(2e6, list[3].wait)
    engine:cancel(call, "cancelled", 2)
    list = read()
    assert.equal("error", types(list))
    assert.equal("cancelled", list[1].kind)
  end)

  it("tell no answer where the header block did not end", function()
    play({ retries = 0 }, { answers.cut_head(200) })
    play({ retries = 0 }, { answers.lost() })
    play({ retries = 0 }, { answers.cut_body(200) })
    assert.equal("request error request error request response error", types(read()))
  end)

  it("are the client's own", function()
    local other = testing.client { events = true }
    play({}, { answers.ok() })
    assert.is_nil((other:event()))
    assert.equal(2, #read())
  end)

  it("cut a URL that is too long, and keep a request id whole", function()
    play({ target = "/v1/" .. ("x"):rep(1000) },
      { answers.status(200, { "X-Request-Id: " .. ("r"):rep(128) }) })
    local list = read()
    assert.equal(("https://api.test/v1/" .. ("x"):rep(1000)):sub(1, 255), list[1].url)
    assert.equal(("r"):rep(128), list[2].request_id)
  end)

  it("that nobody reads are dropped, the newest first, and counted", function()
    local calls = {}
    for i = 1, KEPT do calls[i] = play({}, { answers.ok() }) end
    local _, dropped = client:event()
    assert.equal(KEPT, dropped)
    local list = read()
    assert.equal(KEPT - 1, #list)
    assert.equal("response", list[1].type)
    assert.equal(calls[KEPT / 2]:look().id, list[#list].id)
    play({}, { answers.ok() })
    assert.equal("request response", types(read()))
  end)

  it("add up: what was read and what was dropped is what happened", function()
    local seed, read_count, happened = 3, 0, 0
    for _ = 1, 2000 do
      seed = (seed * 16807) % 2147483647
      if seed % 3 == 0 then
        if (client:event()) then read_count = read_count + 1 end
      else
        play({ retries = 0 }, { seed % 2 == 0 and answers.ok() or answers.status(404) })
        happened = happened + (seed % 2 == 0 and 2 or 3)
      end
    end
    read_count = read_count + #read()
    local _, dropped = client:event()
    assert.is_true(dropped > 0)
    assert.equal(happened, read_count + dropped)
  end)

  it("outlive their call and stay in order over the end of the ring", function()
    local last = 0
    for _ = 1, 1000 do
      local call = play({}, { answers.ok() })
      call:release()
      local list = read()
      assert.equal("request response", types(list))
      assert.is_true(list[1].id > last)
      last = list[1].id
    end
  end)
end)
