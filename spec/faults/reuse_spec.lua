--- Connections that are kept: closed while idle, closed as the next request comes, answers that nobody
--- asked for.

local socket = require "socket"
local faults = require "spec.support.faults"
local os_process = require "trailmark_testing".process
local rows = require "spec.support.fault_rows"

local read, send, await = faults.read, faults.send, faults.await
local finish, reset, hold, serve = faults.finish, faults.reset, faults.hold, faults.serve

local FINE = { fine = true }
local GOOD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
  .. '{"fine":true}'
local FORGED = (GOOD:gsub("fine", "evil"))
local TOO_SLOW = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"

--- The second call of a client whose first one went well, so that its connection stands.
local function then_call(method, options)
  return function(tm)
    assert(tm:get "/first")
    if method == "GET" then return tm:get("/second") end
    return tm:post("/second", { name = "x" }, options)
  end
end

local GET, POST = then_call "GET", then_call "POST"
local UNKEYED = then_call("POST", { idempotency_key = false })

local function copies_of_second(result)
  local count = 0
  for _, request in ipairs(result.seen.requests) do
    if request.target == "/second" then count = count + 1 end
  end
  return count
end

--- How often the server saw the second call, whole or in part.
local function at_most(count)
  return function(result)
    local partial = result.seen.partial
    assert.is_true(copies_of_second(result) + partial <= count,
      ("%d copies, %d of them in part"):format(copies_of_second(result) + partial, partial))
  end
end

local first = { read, send(GOOD) }

local function kept(...)
  local plan = { first[1], first[2] }
  for i = 1, select("#", ...) do plan[i + 2] = (select(i, ...)) end
  return { plan }
end

-- libcurl repeats by itself what it sends on a kept connection that dies unanswered, so the client
-- counts one attempt where the wire carries two.
local ROWS = {
  { "ended while idle", kept(finish), call = GET, data = FINE },
  { "reset while idle", kept(reset), call = GET, data = FINE },
  { "ended while idle, and a POST with a key", kept(finish), call = POST, data = FINE,
    check = at_most(2) },
  { "ended while idle, and a POST without a key", kept(finish), call = UNKEYED, data = FINE,
    check = at_most(1) },
  { "reset as the next request comes", kept(await, reset), call = GET, data = FINE },
  { "ended as the next request comes", kept(await, finish), call = GET, data = FINE },
  { "reset behind the next request", kept(read, reset), call = GET, data = FINE,
    check = at_most(2) },
  { "reset as a POST with a key comes", kept(await, reset), call = POST, data = FINE,
    check = at_most(2) },
  { "reset behind a POST with a key", kept(read, reset), call = POST, data = FINE,
    check = at_most(2) },
  { "ended behind a POST with a key", kept(read, finish), call = POST, data = FINE,
    check = at_most(2) },
  { "reset as a POST without a key comes", kept(await, reset), call = UNKEYED, data = FINE,
    check = at_most(1) },
  -- What the server still says there would be taken for the answer to the repetition.
  { "told 408 as the next request comes, which is answered, too", kept(await, send(TOO_SLOW), read,
    send(FORGED), hold), call = GET, data = FINE, attempts = 2, check = at_most(2) },
  { "told 408 as a POST with a key comes, which is answered, too", kept(await, send(TOO_SLOW), read,
    send(FORGED), hold), call = POST, data = FINE, attempts = 2, check = at_most(2) },
  { "silent as the next request comes", kept(read, hold), call = GET, data = FINE,
    options = { timeout = 0.2 }, check = at_most(2), within = 1 },
}

describe("a kept connection", function()
  local server
  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)

  for _, row in ipairs(ROWS) do
    row.plans = row[2]
    it(row[1], function() rows.check(server, row) end)
  end

  it("is not used for a POST without a key, which reaches the wire once and is told as unknown",
    function()
      rows.check(server, {
        plans = { { read, send(GOOD), await, reset }, { read, reset } }, call = UNKEYED,
        kind = "network", outcome = "unknown", check = at_most(1),
      })
    end)

  local function is_socket(what) return what:find "^socket:" ~= nil end

  --- The second call of a client, once something has come on the connection that the first opened.
  --- What came as early as the first answer has ended that connection.
  local function then_call_late(call)
    return function(tm)
      local before, opened = os_process.descriptors(), nil
      assert(tm:get "/first")
      for fd, what in pairs(os_process.descriptors()) do
        if is_socket(what) and before[fd] ~= what then
          assert(not opened, "the call opened more than a connection")
          opened = fd
        end
      end
      local connection = { getfd = function() return opened end }
      assert(not opened or #socket.select({ connection }, nil, 20) == 1, "the server said no more")
      return call(tm)
    end
  end

  -- What an earlier exchange left behind must never be taken for the answer to a later one.
  -- `try` is `pending` where the library does take it.
  local function forged(try, name, plans, call, scheme)
    try(name, function()
      rows.check(server, { plans = plans, kind = { "protocol", "network" }, data = FINE,
        call = call or GET, scheme = scheme })
    end)
  end

  forged(it, "drops an answer that came together with the first", {
    { read, send(GOOD .. FORGED), serve },
  })
  forged(it, "drops an answer that came after the first and before the next request", {
    { read, send(GOOD), faults.pause(20), send(FORGED), serve },
  }, then_call_late(function(tm) return tm:get "/second" end))
  forged(it, "drops an answer for a POST with a key all the same", {
    { read, send(GOOD), faults.pause(20), send(FORGED), serve },
  }, then_call_late(function(tm) return tm:post("/second", { name = "x" }) end))
  forged(it, "drops an answer that came in between over TLS", {
    { faults.handshake(), read, send(GOOD), faults.pause(20), send(FORGED), serve },
  }, then_call_late(function(tm) return tm:get "/second" end), "tls")
  forged(it, "drops the answer to a request that was given up", {
    { read, faults.pause(300), send(FORGED), serve },
  }, function(tm)
    local _, err = tm:get("/first", nil, { timeout = 0.1, retries = 0 })
    assert.equal("timeout", err.kind)
    tm:sleep(0.3)
    return tm:get "/second"
  end)
  forged(it, "drops bytes behind a 204", {
    { read, send("HTTP/1.1 204 No Content\r\n\r\n" .. FORGED), serve },
  })
  forged(it, "drops a 408 that the server says as it closes an idle connection", {
    { read, send(GOOD), send "HTTP/1.1 408 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
      finish },
  })
end)

-- POSTs to either storm below: a fifth of their exchanges dies. The whole measure is 5000.
local POSTS = tonumber(os.getenv "TRAIL_STORM" or 500)

describe("connections killed at random bytes", function()
  local server
  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)

  local function storm(post)
    local url = server:script({ { faults.serve_badly(20, 7) } }, { every = true })
    local tm = rows.client(server, url)
    local results = {}
    for i = 1, POSTS do results[i] = post(tm, { ["X-Test"] = "t" .. i }) end
    tm:close()
    return results, server:seen()
  end

  --- How often each call came whole, and the key it had.
  local function by_test(seen)
    local copies, keys = {}, {}
    for _, request in ipairs(seen.requests) do
      local test = request.test
      copies[test] = (copies[test] or 0) + 1
      keys[test] = keys[test] or request.key
      assert.equal(keys[test], request.key, "the key of " .. test .. " changed")
    end
    return copies
  end

  it("never make a POST without a key act twice, nor hide that it may have acted", function()
    local results, seen = storm(function(tm, headers)
      local data, err = tm:post("/thing", {}, { headers = headers, idempotency_key = false })
      return { data = data, err = err }
    end)
    local copies, unknown = by_test(seen), 0
    for i, result in ipairs(results) do
      local wire = copies["t" .. i] or 0
      assert.is_true(wire <= 1, "t" .. i .. " reached the server twice")
      if result.data then
        assert.equal(1, wire)
      elseif wire == 1 then
        unknown = unknown + 1
        assert.is_true(result.err.outcome == "unknown" or result.err.outcome == "done",
          tostring(result.err))
      end
    end
    assert.is_true(unknown > 0, "no exchange died behind its request")
  end)

  -- The retry budget ends some calls early; their error's key repeats them.
  it("leave a POST with a key one effect, whatever the wire carried", function()
    local results, seen = storm(function(tm, headers)
      local data, err, key
      for _ = 1, 20 do
        data, err = tm:post("/thing", {}, { headers = headers, idempotency_key = key })
        if not err then break end
        assert.is_true(err.retryable, tostring(err))
        key = err.idempotency_key
      end
      return { data = data, err = err }
    end)
    local copies, repeated = by_test(seen), 0
    for i, result in ipairs(results) do
      assert.is_nil(result.err, tostring(result.err))
      if copies["t" .. i] > 1 then repeated = repeated + 1 end
    end
    assert.is_true(repeated > 0, "no request was sent again")
  end)
end)
