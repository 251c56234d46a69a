-- Many calls at once, under way together: half of them cancelled, all of their events counted, the program killed.

local faults = require "spec.support.faults"
local gate_server = require "spec.support.gate_server"
local process = require "spec.support.process"
local sandbox = require "trailmark.sandbox"
local socket = require "socket"
local trailmark = require "trailmark"

local seed = 20261124
local function random(n)
  seed = (seed * 16807) % 2147483647
  return seed % n + 1
end

-- What a random call may be: the last is a write that must not be repeated.
local KINDS = {
  function(path) return { path = path } end,
  function(path) return { method = "PUT", path = path, body = { a = 1 } } end,
  function(path) return { method = "DELETE", path = path } end,
  function(path) return { method = "POST", path = path, body = { a = 1 } } end,
  function(path) return { method = "POST", path = path .. "/once", body = {}, idempotency_key = false } end,
}

local function unkeyed_posts(requests)
  local seen, repeated = {}, {}
  for _, request in ipairs(requests) do
    if request.target:find "/once$" and seen[request.target] then repeated[#repeated + 1] = request.target end
    seen[request.target] = true
  end
  return repeated, seen
end

describe("2,000 random calls, of which 1,000 are cancelled while they run", function()
  local server
  before_each(function() server = faults.start() end)
  after_each(function() server:stop() end)

  local COUNT, CANCELLED = 2000, 1000

  --- Sends all of them. Whenever one has been answered, two are cancelled, each one that is in flight or
  --- about to be, or any.
  local function run(tm)
    local calls, ended, results = {}, 0, {}
    local cancelled, oldest = 0, 1
    local function pick()
      while results[oldest] do oldest = oldest + 1 end
      local from = random(2) == 1 and oldest + random(60) - 1 or random(COUNT)
      for i = 0, COUNT - 1 do
        local at = (from + i - 1) % COUNT + 1
        if not calls[at]:done() then return calls[at] end
      end
    end
    for i = 1, COUNT do
      calls[i] = tm:send(KINDS[random(#KINDS)]("/n/" .. i), function(data, err, response)
        ended = ended + 1
        results[i] = { data = data, err = err, response = response }
        if err and err.kind == "cancelled" then return end
        for _ = 1, math.min(2, CANCELLED - cancelled) do
          pick():cancel()
          cancelled = cancelled + 1
        end
      end)
    end
    repeat tm:sleep(0.005) until ended == COUNT
    return results, cancelled
  end

  it("has every other one answered, and sends nothing of those that were not sent", function()
    local url = server:script({ { faults.serve } }, { every = true })
    local tm = assert(trailmark.new { key = "tm_live_x", base_url = url, pace = "off", concurrency = 50 })
    local results, cancelled = run(tm)
    assert.equal(CANCELLED, cancelled)
    local requests = server:seen().requests
    local repeated, seen = unkeyed_posts(requests)
    assert.same({}, repeated)
    local count = { answered = 0, cancelled = 0, in_flight = 0 }
    for i, result in ipairs(results) do
      if result.err then
        assert.equal("cancelled", result.err.kind)
        count.cancelled = count.cancelled + 1
        if result.err.attempts > 0 then
          count.in_flight = count.in_flight + 1
        else
          assert.equal("not_sent", result.err.outcome)
          assert.is_nil(seen["/n/" .. i] or seen["/n/" .. i .. "/once"])
        end
      else
        assert.equal(200, result.response.status)
        assert.is_true(seen["/n/" .. i] or seen["/n/" .. i .. "/once"])
        count.answered = count.answered + 1
      end
    end
    assert.same({ CANCELLED, COUNT - CANCELLED }, { count.cancelled, count.answered })
    assert.is_true(count.in_flight > 0)
    assert.is_true(#requests <= count.answered + count.in_flight)
    assert.equal(0, tm.handle:live())
    tm:close()
  end)

  it("repeats no unkeyed POST where connections die, too", function()
    local url = server:script({ { faults.serve_badly(8, 7) } }, { every = true })
    local tm = assert(trailmark.new { key = "tm_live_x", base_url = url, pace = "off", concurrency = 50,
      retries = 5, backoff = { base = 0.001, cap = 0.004 }, timeout = 1 })
    local results, cancelled = run(tm)
    assert.equal(CANCELLED, cancelled)
    assert.same({}, (unkeyed_posts(server:seen().requests)))
    local kinds = {}
    for _, result in ipairs(results) do
      local kind = result.err and result.err.kind or "ok"
      kinds[kind] = (kinds[kind] or 0) + 1
    end
    assert.equal(CANCELLED, kinds.cancelled)
    assert.is_true(kinds.ok > (COUNT - CANCELLED) / 2)
    tm:close()
  end)
end)

describe("the events of many calls", function()
  --- By call: its events' types and whether each had a status, in their order.
  local function listener()
    local of, ids, count = {}, 0, { dropped = 0, all = 0 }
    return of, count, function(event)
      count.all = count.all + 1
      count.dropped = count.dropped + (event.dropped or 0)
      count[event.type] = (count[event.type] or 0) + 1
      if not of[event.id] then
        ids = ids + 1
        count.ids = ids
        of[event.id] = { url = event.url, method = event.method }
      end
      table.insert(of[event.id], event)
    end
  end

  --- Checks the order within a call and that its counts add up; how many requests it made.
  local function check(events)
    local attempt, count = 0, { request = 0, response = 0, retry = 0, error = 0, lost = 0 }
    local last
    for _, event in ipairs(events) do
      assert.equal(events.url, event.url)
      assert.equal(events.method, event.method)
      if event.type == "request" then
        attempt = attempt + 1
        assert.is_true(last == nil or last == "retry")
      elseif event.type == "response" then
        assert.equal("request", last)
        assert.is_number(event.status)
      elseif event.type == "retry" then
        assert.is_true(last == "response" or last == "request")
        assert.is_true(event.wait >= 0)
      end
      if last == "request" and event.type ~= "response" then count.lost = count.lost + 1 end
      assert.is_true(last ~= "error")
      assert.equal(attempt, event.attempt)
      count[event.type] = count[event.type] + 1
      last = event.type
    end
    assert.is_true(last == "response" or last == "error")
    assert.equal(count.request, count.response + count.lost)
    assert.equal(count.retry, count.request - 1)
    return count
  end

  it("add up where connections die: each call's, in their order, under an id of its own", function()
    local server = faults.start()
    finally(function() server:stop() end)
    local url = server:script({ { faults.serve_badly(25, 3) } }, { every = true })
    local of, count, on_event = listener()
    local tm = assert(trailmark.new { key = "tm_live_x", base_url = url, pace = "off", concurrency = 40, retries = 2,
      backoff = { base = 0.001, cap = 0.004 }, timeout = 1, on_event = on_event })
    local items = {}
    for i = 1, 300 do items[i] = i end
    local results, summary = tm:map(items, function(i) return KINDS[random(4)]("/n/" .. i) end)
    tm:sleep(0)
    assert.equal(300, count.ids)
    assert.equal(0, count.dropped)
    local total, of_item = { request = 0, lost = 0, error = 0 }, {}
    for _, events in pairs(of) do
      local own = check(events)
      local i = tonumber(events.url:match "/n/(%d+)")
      assert.is_nil(of_item[i])
      of_item[i] = own
      for name in pairs(total) do total[name] = total[name] + own[name] end
    end
    for i, result in ipairs(results) do
      assert.equal(result.err and 1 or 0, of_item[i].error)
      assert.equal((result.err or result.response).attempts, of_item[i].request)
    end
    assert.equal(summary.failed, total.error)
    assert.equal(total.request, count.request)
    assert.is_true(total.lost > 10)
    tm:close()
  end)

  it("tell of a wait for the rate limit and of a change of key, once for each call that it concerns", function()
    local sb = assert(sandbox.start { limit = 20, window = 1 })
    finally(function() sb:stop() end)
    local of, count, on_event = listener()
    local fresh = sb:rotate(sb.key)
    sb:revoke(sb.key)
    local tm = assert(sb:client { concurrency = 8, fallback_key = fresh, on_event = on_event })
    local items = {}
    for i = 1, 30 do items[i] = i end
    local _, summary = tm:map(items, function() return { path = "/workspaces/me" } end)
    assert.same({ done = 30, failed = 0, skipped = 0, stopped = false }, summary)
    assert.equal(30, count.ids)
    assert.equal(0, count.error or 0)
    assert.is_true(count.pace >= 1)
    assert.is_true(count.key >= 1 and count.key <= 8)
    local rejected = 0
    for _, events in pairs(of) do
      for _, event in ipairs(events) do
        if event.type == "pace" then assert.is_true(event.wait > 0) end
        if event.type == "response" and event.status == 401 then rejected = rejected + 1 end
      end
    end
    assert.is_true(rejected >= 1 and rejected <= 8) -- those that were in flight with the old key
    assert.equal(count.request, count.response)
    assert.equal(30, count.response - rejected - (count.retry or 0))
    tm:close()
  end)

  it("that nobody could take in time are counted", function()
    local gate = gate_server.start()
    finally(function() gate:stop() end)
    local _, count, on_event = listener()
    local tm = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off", concurrency = 4,
      retries = 0, on_event = on_event })
    local calls = {}
    for i = 1, 3000 do calls[i] = tm:send { path = "/hold/" .. i } end
    gate:await(4, function() tm:sleep(0.002) end)
    for _, call in ipairs(calls) do call:cancel() end -- 3,000 errors at a stroke
    assert(tm:get "/last")
    tm:sleep(0)
    assert.is_true(count.dropped > 0)
    assert.equal(4 + 3000 + 2, count.all + count.dropped)
    for _, call in ipairs(calls) do assert.equal("cancelled", select(2, call:wait()).kind) end
    tm:close()
  end)

  it("may make more calls, whose events come as well", function()
    local gate = gate_server.start()
    finally(function() gate:stop() end)
    local of, count, note = listener()
    local tm, sent = nil, 0
    tm = assert(trailmark.new { key = "tm_live_x", base_url = gate.url, pace = "off", on_event = function(event)
      note(event)
      if event.type == "response" and sent < 50 then
        sent = sent + 1
        tm:send { path = "/sent/" .. sent }
      end
    end })
    assert(tm:get "/first")
    repeat
      tm:sleep(0.002)
      collectgarbage() -- they are dropped, and in flight they run on; unsent they may be cancelled
    until count.ids == sent + 1 and (count.response + (count.error or 0)) == count.ids
    for _, events in pairs(of) do
      if events[1].type == "request" then check(events) end
    end
    assert.is_true(sent >= 1)
    tm:close()
  end)
end)

describe("an import that is killed and run again", function()
  local ITEMS, KILLS = 150, 6
  local IMPORT = [[
    io.stdout:setvbuf "no"
    local tm = assert(require "trailmark".new { concurrency = 8, pace = "off", backoff = { base = 0.01, cap = 0.05 } })
    local rows = {}
    for i = 1, tonumber(os.getenv "ITEMS") do rows[i] = { id = i, name = "row " .. i } end
    local results, summary = tm:map(rows, function(row)
      return { method = "POST", path = "/contacts", body = { name = row.name }, idempotency_key = "import-" .. row.id }
    end, { on_result = function() print "one" end })
    if os.getenv "KILLED" then tm:sleep(60) end -- whoever kills it may be slow
    print(("done %d failed %d"):format(summary.done, summary.failed))
    for _, result in pairs(results) do assert(result.data, result.err) end
  ]]

  it("creates nothing twice, whenever it was killed", function()
    local sb = assert(sandbox.start { limit = 1000000 })
    finally(function() sb:stop() end)
    local environment = {
      TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.http_url, ITEMS = tostring(ITEMS), KILLED = "yes",
    }
    local created = 0
    for i = 1, KILLS do
      local child = process.lua(IMPORT, environment)
      for _ = 1, random(ITEMS / 2) do child:expect "one\n" end
      socket.sleep(random(20) / 10000) -- anywhere within an exchange
      child:kill(process.KILL)
      local said, _, _, signal = child:finish()
      assert.equal(process.KILL, signal)
      assert.is_nil(said:find("done", 1, true))
      assert.is_true(sb:contacts() >= created and sb:contacts() <= ITEMS, i)
      created = sb:contacts()
    end
    environment.KILLED = nil
    local said, code, complaint = process.lua(IMPORT, environment):finish()
    assert.same({ 0, "" }, { code, complaint })
    assert.matches(("done %d failed 0\n$"):format(ITEMS), said)
    assert.equal(ITEMS, sb:contacts())
    local names, keys = {}, {}
    for _, entry in ipairs(sb:log()) do
      local name = entry.body:match '"name": ?"([^"]+)"'
      local key = entry.headers["idempotency-key"]
      assert.equal(names[key] or name, name)
      names[key] = name
      keys[key] = (keys[key] or 0) + 1
    end
    local distinct, again = 0, 0
    for _, count in pairs(keys) do
      distinct = distinct + 1
      if count > 1 then again = again + 1 end
    end
    assert.equal(ITEMS, distinct)
    assert.is_true(again > 0) -- else nothing was shown
  end)
end)
