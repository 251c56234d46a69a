-- Thousands of random steps, with what must hold after each.

local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local function generator(seed)
  return function(most)
    seed = (seed * 16807) % 2147483647
    return seed % most + 1
  end
end

local METHODS = { "GET", "PUT", "POST", "PATCH", "DELETE", "HEAD" }
local STATUSES = { 200, 200, 201, 204, 302, 400, 401, 404, 408, 409, 429, 500, 503 }
local FAILURES = { "network", "timeout", "tls", "protocol", "too_large" }

local function random_answer(random)
  local dice = random(10)
  if dice <= 6 then
    local headers = random(4) == 1 and { "Retry-After: " .. random(20) - 1 } or nil
    return answers.status(STATUSES[random(#STATUSES)], headers, "b")
  end
  local failure = FAILURES[random(#FAILURES)]
  if dice == 7 then return answers.unsent(failure) end
  if dice == 8 then return answers.lost(failure) end
  return dice == 9 and answers.cut_head(200) or answers.cut_body(STATUSES[random(#STATUSES)])
end

local function walk(seed, steps)
  local random = generator(seed)
  local engine, now = testing.new(), 0
  local clients, calls = {}, {} -- calls: those whose handle is kept
  local submitted, dropped = 0, 0

  local function new_client(i)
    clients[i] = testing.client {
      concurrency = random(3), retries = random(4) - 1, timeout = random(10) * 1e6,
      deadline = random(30) * 1e6, backoff_base = random(1000), backoff_cap = 2000,
      key = "key-" .. i, events = i == 1,
    }
    if i ~= 2 then clients[i]:set_fallback("other-" .. i) end
  end
  for i = 1, 3 do new_client(i) end

  local function submit()
    local method = METHODS[random(#METHODS)]
    local call = testing.call(clients[random(#clients)],
      { method = method, idempotency_key = random(2) == 1 and "k" or nil })
    assert.equal("ok", engine:submit(call, now))
    submitted = submitted + 1
    if random(5) == 1 then
      dropped = dropped + 1
      call:release()
    else
      calls[#calls + 1] = { handle = call }
    end
  end

  local function answer()
    local attempts = engine:attempts()
    if #attempts > 0 then
      local attempt = attempts[random(#attempts)]
      local act = random(4) == 1 and engine.reach or engine.finish
      act(engine, attempt.serial, act == engine.reach and answers.lost "ok" or
        random_answer(random))
    end
  end

  local actions = {
    submit, submit, submit, answer, answer, answer, answer,
    function() now = now + random(2e6) end,
    function() now = math.max(now, engine:wake() or now) end,
    function()
      local call = calls[random(#calls + 1)]
      if call then engine:cancel(call.handle, "cancelled", now) end
    end,
    function()
      local client = clients[random(3)]
      if random(20) == 1 then engine:cancel_client(client, "closed", now) end
    end,
    function() clients[random(3)]:set_key("key-" .. random(1000)) end,
    function() engine:refuse(random(10) == 1 and "no_memory" or "ok") end,
    function()
      local i = random(3)
      if random(10) == 1 then
        clients[i]:release()
        new_client(i)
      end
    end,
    function() if random(100) == 1 then engine:replace() end end,
  }

  local function check(advanced)
    local live, in_flight = 0, 0
    for _, call in ipairs(calls) do
      local state = call.handle:state()
      local seen = call.handle:look()
      if call.done then -- what is done stays as it was
        assert.equal("done", state)
        assert.same(call.done, { seen.result, seen.outcome, seen.attempts, seen.elapsed })
      elseif state == "done" then
        call.done = { seen.result, seen.outcome, seen.attempts, seen.elapsed }
        assert.equal(1, seen.holders)
        assert.is_false(seen.has_timer)
        assert.is_false(seen.has_authorization)
        assert.is_true(seen.result == "ok" or not seen.history or #seen.history == seen.attempts)
        if seen.result == "ok" then assert.equal("done", seen.outcome) end
      else
        live = live + 1
        assert.equal(2, seen.holders)
        assert.is_true(seen.has_timer, state)
      end
      if state == "in_flight" then in_flight = in_flight + 1 end
    end
    assert.is_true(engine:live() >= live and engine:live() <= live + dropped)
    assert.is_true(#engine:attempts() <= engine:live())
    assert.equal(engine:live() > 0, engine:wake() ~= nil)
    local lanes = 0
    for i = 1, 3 do
      local seen = clients[i]:look()
      lanes = lanes + seen.in_flight
      assert.is_true(seen.in_flight <= 3)
    end
    if advanced then assert.is_true(lanes >= 0 and (engine:wake() or now + 1) > now) end
  end

  for step = 1, steps do
    actions[random(#actions)]()
    local advanced = random(2) == 1
    if advanced then engine:advance(now) end
    if step % 10 == 0 then check(advanced) end
    if #calls > 200 then -- let go of the oldest that are done
      for i = 100, 1, -1 do
        if calls[i].done then table.remove(calls, i).handle:release() end
      end
    end
  end

  -- Nothing is left for ever: each call has a deadline.
  engine:refuse "ok"
  engine:advance(now + 100e6)
  check(true)
  assert.equal(0, engine:live())
  assert.equal(0, #engine:attempts())
  assert.is_nil(engine:wake())
  for _, call in ipairs(calls) do
    assert.equal("done", call.handle:state())
    call.handle:release()
  end
  for i = 1, 3 do
    assert.same({ in_flight = 0, queued = 0, holders = 1 }, clients[i]:look())
  end
  engine:destroy()
  return submitted
end

describe("a random walk over the engine", function()
  for seed = 1, 4 do
    it(("leaves nothing behind and ends every call once: seed %d"):format(seed), function()
      assert.is_true(walk(seed * 7919, 3000) > 400)
    end)
  end
end)
