-- Writes over connections that die at any byte: nothing acts twice, nothing that must not be repeated
-- goes on the wire twice, and what may have acted is not called anything else.
--
-- TRAIL_WRITES=10000 makes the storm longer, TRAIL_WRITES_SEED=n another one.

local core = require "trailmark.core"
local trailmark = require "trailmark"
local raw_server = require "spec.support.raw_server"
local process = require "spec.support.process"
local storm = require "spec.support.storm"
local socket = require "socket"

local WRITES = tonumber(os.getenv "TRAIL_WRITES") or 2000
local SEED = tonumber(os.getenv "TRAIL_WRITES_SEED") or 7
local KILLED_PERCENT = 20

local function client(url, opts)
  local all = {
    key = "tm_live_x", base_url = url, timeout = 0.3, retries = 3, pace = "off",
    backoff = { base = 0.001, cap = 0.002 },
  }
  for name, value in pairs(opts or {}) do all[name] = value end
  return assert(trailmark.new(all))
end

--- Every second write goes without an Idempotency-Key, every fiftieth is too long for the sockets'
--- buffers.
local function is_keyed(id) return id % 2 == 0 end

local function body(id)
  return { id = id, note = ("x"):rep(id % 50 < 2 and 400000 or id % 300) }
end

local function options(id, key)
  return { headers = { ["X-Test-Id"] = tostring(id) }, idempotency_key = key }
end

local function write(tm, id)
  local key
  if not is_keyed(id) then key = false end
  return tm:post("/x", body(id), options(id, key))
end

describe("writes over connections that are killed", function()
  local server, tm, results, seen, took

  setup(function()
    server = storm.start { most = WRITES + 1, kill = KILLED_PERCENT, seed = SEED }
    tm, results = client(server.url), {}
    core.refill_retries(server.url)
    local started = socket.gettime()
    for id = 1, WRITES do
      -- In every other hundred retries are limited by their attempts alone, in the others by the
      -- retry budget, too.
      if id % 200 < 100 then core.refill_retries(server.url) end
      local data, err, response = write(tm, id)
      results[id] = { data = data, err = err, response = response }
    end
    took = socket.gettime() - started
    seen = server:calm()
  end)

  teardown(function()
    tm:close()
    server:stop()
  end)

  it("have met them", function()
    assert.is_true(seen.killed > WRITES * KILLED_PERCENT / 100 * 0.7, seen.killed .. " killed")
    assert.is_true(seen.silent > 0)
  end)

  it("that succeeded have acted once", function()
    for id = 1, WRITES do
      if results[id].data then
        assert.equal(1, seen[id].effects, id)
        assert.is_true(results[id].data.done)
      end
    end
  end)

  it("act once at most with a key, which never changes", function()
    for id = 1, WRITES do
      if is_keyed(id) then
        local result, server_saw = results[id], seen[id]
        assert.is_true(server_saw.effects <= 1, id)
        assert.equal(0, server_saw.other_keys, id)
        local key = (result.err or result.response).idempotency_key
        assert.is_string(key)
        if server_saw.key then assert.equal(key, server_saw.key) end
      end
    end
  end)

  it("with different keys each", function()
    local owner = {}
    for id = 1, WRITES do
      local key = (results[id].err or results[id].response).idempotency_key
      assert.equal(is_keyed(id), key ~= nil)
      if key then
        assert.is_nil(owner[key])
        owner[key] = id
      end
    end
  end)

  it("are on the wire once at most without a key", function()
    for id = 1, WRITES do
      if not is_keyed(id) then
        assert.is_true(seen[id].copies <= 1, ("%d: %d copies"):format(id, seen[id].copies))
      end
    end
  end)

  it("are as often on the wire as they say", function()
    for id = 1, WRITES do
      -- One killed before it was read is an attempt that the server has not seen.
      local attempts = (results[id].err or results[id].response).attempts
      assert.is_true(attempts <= 4)
      if not results[id].err then assert.is_true(attempts >= 1 and seen[id].copies >= 1) end
    end
  end)

  it("that failed say what they may have done", function()
    for id = 1, WRITES do
      local err, server_saw = results[id].err, seen[id]
      if err then
        local outcome = err.outcome
        if server_saw.copies > 0 then -- the client cannot know what became of it
          assert.is_true(outcome == "unknown" or outcome == "done", ("%d: %s"):format(id, outcome))
        end
        if outcome == "done" then
          assert.is_true(server_saw.heads_sent > 0, id)
          assert.equal(1, server_saw.effects, id)
        end
        if outcome == "not_sent" or outcome == "rejected" then
          assert.equal(0, server_saw.effects, id)
        end
        assert.is_true(err.kind == "network" or err.kind == "timeout" or err.kind == "protocol",
          tostring(err))
      end
    end
  end)

  it("that failed with a key can be repeated with it until they succeed, and act once then", function()
    core.refill_retries(server.url)
    for id = 1, WRITES do
      local err = results[id].err
      if err and is_keyed(id) then
        assert.is_true(err.retryable or err.outcome == "done", tostring(err))
        assert(tm:post("/x", body(id), options(id, err.idempotency_key)))
      end
    end
    local after = server:report()
    for id = 1, WRITES do
      if is_keyed(id) then assert.equal(1, after[id].effects, id) end
    end
  end)

  it("print their figure", function()
    local ok, unknown, duplicates, most_copies = 0, 0, 0, 0
    for id = 1, WRITES do
      local err = results[id].err
      ok = ok + (err and 0 or 1)
      unknown = unknown + (err and err.outcome == "unknown" and 1 or 0)
      if is_keyed(id) then
        duplicates = duplicates + math.max(0, seen[id].effects - 1)
      else
        most_copies = math.max(most_copies, seen[id].copies)
      end
    end
    io.write(("\nwrites: %d, of %d connections killed and %d left silent; %d succeeded, %d failed"
      .. " (%d of unknown outcome); %d duplicates, at most %d copy without a key; %.1f s\n"):format(
      WRITES, seen.killed, seen.silent, ok, WRITES - ok, unknown, duplicates, most_copies, took))
    assert.equal(0, duplicates)
    assert.equal(1, most_copies)
  end)
end)

describe("a write whose first attempt is never answered", function()
  --- A server that takes one connection, and then is none; what comes is not answered.
  local function vanishing()
    local holder, url, port = raw_server.reserve()
    local listener = raw_server.listen(64, port)
    local child = process.fork(function(say)
      local connection = assert(listener:accept())
      listener:close()
      connection:receive "*l"
      say "seen\n"
      connection:settimeout(20)
      repeat local more = connection:receive(1) until not more
    end, listener:getfd())
    listener:close()
    finally(function()
      child:stop()
      holder:close()
    end)
    return url, child
  end

  it("and whose next is refused is of unknown outcome", function()
    local url, child = vanishing()
    local tm = client(url)
    core.refill_retries(url)
    local _, err, response = tm:post("/x", { a = 1 })
    assert.is_nil(response)
    assert.equal("network", err.kind)
    assert.equal("unknown", err.outcome)
    assert.equal(4, err.attempts)
    local kinds = {}
    for i, attempt in ipairs(err.history) do kinds[i] = attempt.kind end
    assert.same({ "timeout", "network", "network", "network" }, kinds)
    assert.is_true(err.retryable)
    assert.matches("may have acted", tostring(err), 1, true)
    assert.matches(err.idempotency_key, tostring(err), 1, true)
    child:expect "seen\n"
    tm:close()
  end)

  it("and has no key is not repeated", function()
    local url, child = vanishing()
    local tm = client(url)
    local _, err = tm:post("/x", { a = 1 }, { idempotency_key = false })
    assert.equal("timeout", err.kind)
    assert.equal("unknown", err.outcome)
    assert.equal(1, err.attempts)
    assert.is_false(err.retryable)
    child:expect "seen\n"
    tm:close()
  end)

  it("and whose next is refused as invalid is of unknown outcome all the same", function()
    local server = raw_server.start(function(connection, number)
      connection:request()
      if number == 1 then return connection:await_end() end
      connection:answer(400, "{}")
    end)
    local tm = client(server.url)
    core.refill_retries(server.url)
    local _, err = tm:post("/x", { a = 1 })
    assert.equal("invalid", err.kind)
    assert.equal("unknown", err.outcome)
    assert.equal(2, err.attempts)
    tm:close()
    server:stop()
  end)
end)

describe("a write that nobody takes", function()
  it("has not been sent, and may be tried again without a key", function()
    local holder, url = raw_server.reserve()
    finally(function() holder:close() end)
    core.refill_retries(url)
    local tm = client(url)
    for _, key in ipairs { "given", false } do
      local _, err = tm:post("/x", { a = 1 }, { idempotency_key = key })
      assert.equal("network", err.kind)
      assert.equal("not_sent", err.outcome)
      assert.equal(4, err.attempts)
      assert.is_true(err.retryable)
    end
    tm:close()
  end)
end)
