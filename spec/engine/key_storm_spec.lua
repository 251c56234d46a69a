-- Many calls at once, keys that are rotated under them, and answers, losses and cancellations in any
-- order: nobody is told of a 401 while the source has a good key (up to three rotations in the life of
-- one call), and nobody waits for ever.

local testing = require("trailmark_testing").engine
local answers = require "spec.support.answers"

local STORMS, STEPS = 300, 150
local SECOND = 1e6

--- The same numbers for the same seed on every Lua.
local function dice(seed)
  local state = seed
  return function(sides)
    state = (state * 16807) % 2147483647
    return state % sides + 1
  end
end

local World = {}
World.__index = World

--- `source` is "function" or "option"; `good` says whether the source has a key that is accepted.
local function new_world(seed, source, good)
  local self = setmetatable({
    dice = dice(seed), source = source, now = 0, key = "key-1", keys = 1, valid = {}, good = good,
    calls = {}, rotations = 0, asked = 0, known = {}, used = {}, bad_sent = 0,
  }, World)
  self.valid["key-1"] = good
  self.engine = testing.new()
  self.client = testing.client {
    key = source == "option" and self.key or nil, retries = 2, deadline = 30 * SECOND,
    timeout = 5 * SECOND, backoff_base = 0, backoff_cap = 0, concurrency = 6,
  }
  if source == "function" then self.client:answer_function(self.key) end
  return self
end

--- What the server makes of an attempt is settled when it begins.
function World:note_attempts()
  for _, attempt in ipairs(self.engine:attempts()) do
    if not self.known[attempt.serial] then
      local key = attempt.authorization:match "Bearer (.*)"
      self.known[attempt.serial] = { good = self.valid[key] or false, key = key }
        if not self.valid[key] then self.bad_sent = self.bad_sent + 1 end
    end
  end
end

function World:advance(by)
  self.now = self.now + by
  self.engine:advance(self.now)
  self:note_attempts()
end

function World:submit()
  local method = self.dice(2) == 1 and "GET" or "POST"
  local call = testing.call(self.client, { method = method, idempotency_key = "k" .. #self.calls })
  self.engine:submit(call, self.now)
  self.calls[#self.calls + 1] = call
end

--- Some attempt under way comes to its end; one in eight is lost.
function World:answer()
  local under_way = self.engine:attempts()
  if #under_way == 0 then return end
  local serial = under_way[self.dice(#under_way)].serial
  if self.dice(8) == 1 then
    self.engine:finish(serial, answers.lost())
  else
    local known = self.known[serial]
    self.engine:finish(serial, answers.status(known.good and 200 or 401))
    if known.good then self.used[known.key] = true end
  end
end

function World:cancel()
  local call = self.calls[self.dice(math.max(1, #self.calls))]
  if call and call:state() ~= "done" then self.engine:cancel(call, "cancelled", self.now) end
end

--- The new key is in the source before the old one is bad, and each is good for long enough to be
--- used once.
function World:rotate()
  if not self.good or not self.used[self.key] then return end
  local old = self.key
  self.keys, self.rotations = self.keys + 1, self.rotations + 1
  self.key = "key-" .. self.keys
  self.valid[self.key] = true
  if self.source == "option" then assert.equal("ok", self.client:set_key(self.key)) end
  self.valid[old] = nil
end

function World:answer_question()
  if self.client:question() == "give_up" then return end
  assert.equal("function", self.source)
  self.asked = self.asked + 1
  if self.good or self.dice(2) == 1 then self.client:answer_function(self.key) end
  self.engine:answered(self.client, self.now)
end

local ACTIONS = {
  "submit", "submit", "submit", "answer", "answer", "answer", "answer", "answer",
  "answer_question", "answer_question", "cancel",
}

function World:run()
  for step = 1, STEPS do
    local action = step % 30 == 0 and "rotate" or ACTIONS[self.dice(#ACTIONS)]
    self[action](self)
    self:advance(self.dice(1000))
  end
  for _ = 1, 50 * #self.calls do
    if self.engine:live() == 0 then return end
    self:answer_question()
    self:answer()
    self:advance(self.dice(1000))
  end
end

local function results(world)
  local count = {}
  for _, call in ipairs(world.calls) do
    assert.equal("done", call:state())
    local result = call:look().result
    count[result] = (count[result] or 0) + 1
  end
  return count
end

local function rejections(call)
  local count = 0
  for _, attempt in ipairs(call:look().history or {}) do
    if attempt.status == 401 then count = count + 1 end
  end
  return count
end

local function ended(world)
  assert.equal(0, world.engine:live())
  assert.is_nil(world.engine:wake())
  assert.equal(0, #world.engine:attempts())
  world.engine:destroy()
end

describe("a storm of calls", function()
  for _, source in ipairs { "function", "option" } do
    it("sees no 401 across rotations: " .. source, function()
      local rejected = 0
      for seed = 1, STORMS do
        local world = new_world(seed, source, true)
        world:run()
        local count = results(world)
        for _, call in ipairs(world.calls) do -- one call outlives three rotations, not four
          assert.is_true(call:look().result ~= "unauthorized" or rejections(call) == 4, "seed " .. seed)
        end
        assert.is_nil(count.timeout, "seed " .. seed)
        assert.is_true(count.ok > 0)
        -- Each rotation finds no more calls with the old key than may be in flight, and one that asks.
        assert.is_true(world.bad_sent <= world.rotations * 7, "seed " .. seed)
        assert.is_true(world.asked <= world.rotations, "seed " .. seed)
        rejected = rejected + world.bad_sent
        ended(world)
      end
      assert.is_true(source == "option" or rejected > STORMS)
    end)

    it("ends with 401s, at a request each, where no key is good: " .. source, function()
      for seed = 1, STORMS do
        local world = new_world(seed, source, false)
        world:run()
        local count = results(world)
        assert.is_nil(count.ok)
        assert.is_nil(count.timeout, "seed " .. seed)
        assert.is_true(count.unauthorized > 0)
        for _, call in ipairs(world.calls) do
          assert.is_true(rejections(call) <= 1, "seed " .. seed)
        end
        ended(world)
      end
    end)
  end
end)

describe("calls that wait while another tries a key", function()
  local engine, client

  --- Three calls; the first tries the fallback key, whose answer does not come.
  local function trial(spec, opts)
    engine = testing.new()
    local all = { key = "old-key", backoff_base = 0, backoff_cap = 0, retries = 0,
      timeout = 60 * SECOND, deadline = 90 * SECOND }
    for name, value in pairs(opts or {}) do all[name] = value end
    client = testing.client(all)
    client:set_fallback "new-key"
    local calls = {}
    for i = 1, 3 do
      calls[i] = testing.call(client, i == 2 and spec or {})
      engine:submit(calls[i], 0)
    end
    engine:advance(0)
    for _, attempt in ipairs(engine:attempts()) do
      engine:finish(attempt.serial, answers.status(401))
    end
    engine:advance(1)
    assert.equal(1, #engine:attempts())
    assert.equal("awaiting_key", calls[2]:state())
    return calls
  end

  after_each(function() engine:destroy() end)

  it("keep their deadlines", function()
    local calls = trial { method = "POST", deadline = 5 * SECOND }
    local late = testing.call(client, { deadline = 4 * SECOND })
    engine:submit(late, 2)
    engine:advance(2)
    assert.equal("awaiting_key", late:state())
    assert.equal(4 * SECOND + 2, engine:wake())
    engine:advance(4 * SECOND + 2)
    engine:advance(5 * SECOND)
    local seen = { calls[2]:look(), late:look() }
    for _, look in ipairs(seen) do
      assert.equal("timeout", look.result)
      assert.equal("deadline", look.limit)
      assert.equal("timed out waiting for a key that works", look.message)
      assert.is_true(look.repeatable)
    end
    assert.same({ "rejected", "not_sent" }, { seen[1].outcome, seen[2].outcome })
    assert.same({ 1, 0 }, { seen[1].attempts, seen[2].attempts })
    engine:finish(engine:attempts()[1].serial, answers.ok())
    engine:advance(6 * SECOND)
    engine:finish(engine:attempts()[1].serial, answers.ok())
    engine:advance(6 * SECOND)
    assert.same({ "ok", "ok" }, { calls[1]:look().result, calls[3]:look().result })
    assert.equal(0, engine:live())
  end)

  it("can be cancelled, and the trial goes on", function()
    local calls = trial {}
    engine:cancel(calls[2], "cancelled", 2)
    engine:cancel(calls[3], "cancelled", 2)
    assert.equal("cancelled", calls[2]:look().result)
    assert.equal("rejected", calls[2]:look().outcome)
    engine:finish(engine:attempts()[1].serial, answers.ok())
    engine:advance(3)
    assert.equal("ok", calls[1]:look().result)
  end)

  it("go on when the trial is answered by anything but a 401", function()
    for _, status in ipairs { 200, 204, 301, 400, 403, 404, 422, 429, 500, 503 } do
      local calls = trial {}
      engine:finish(engine:attempts()[1].serial, answers.status(status))
      engine:advance(2)
      assert.equal(2, #engine:attempts(), status)
      for _, attempt in ipairs(engine:attempts()) do
        assert.equal("Authorization: Bearer new-key", attempt.authorization)
        engine:finish(attempt.serial, answers.ok())
      end
      engine:advance(3)
      assert.equal("ok", calls[2]:look().result)
      if status ~= 503 then engine:destroy() end
    end
  end)

  it("do not wait for its retry when the trial is lost: the next of them is the trial", function()
    local calls = trial({}, { backoff_base = 60000, backoff_cap = 60000, retries = 1 })
    engine:finish(engine:attempts()[1].serial, answers.lost())
    engine:advance(2)
    assert.equal("backing_off", calls[1]:state())
    assert.equal(1, #engine:attempts())
    engine:finish(engine:attempts()[1].serial, answers.ok())
    engine:advance(3)
    engine:finish(engine:attempts()[1].serial, answers.ok())
    engine:advance(4)
    assert.same({ "ok", "ok" }, { calls[2]:look().result, calls[3]:look().result })
    engine:advance(61 * SECOND)
    engine:finish(engine:attempts()[1].serial, answers.ok())
    engine:advance(61 * SECOND)
    assert.equal("ok", calls[1]:look().result)
  end)

  it("go on with a key that somebody sets meanwhile", function()
    local calls = trial {}
    assert.equal("ok", client:set_key "third-key")
    local late = testing.call(client, {})
    engine:submit(late, 2)
    engine:advance(2)
    assert.equal("in_flight", late:state())
    for _, attempt in ipairs(engine:attempts()) do
      engine:finish(attempt.serial,
        answers.status(attempt.authorization:find "third" and 200 or 401))
    end
    engine:advance(3)
    for _ = 1, 3 do
      for _, attempt in ipairs(engine:attempts()) do
        assert.equal("Authorization: Bearer third-key", attempt.authorization)
        engine:finish(attempt.serial, answers.ok())
      end
      engine:advance(4)
    end
    for _, call in ipairs { calls[1], calls[2], calls[3], late } do
      assert.equal("ok", call:look().result)
    end
  end)
end)
