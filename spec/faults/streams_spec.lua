--- HTTP/2 with many calls in flight: one connection, what opens it, and what becomes of the streams when it
--- fails (RFC 9113).

local faults = require "spec.support.faults"
local raw_server = require "spec.support.raw_server"
local rows = require "spec.support.fault_rows"
local core = require "trailmark.core"
local socket = require "socket"

local read, hold, serve, reset, finish = faults.read, faults.hold, faults.serve, faults.reset, faults.finish
local BODY = '{"fine":true}'
local REFUSED_STREAM, INTERNAL_ERROR = 0x7, 0x2
local good = faults.answer(200, BODY, #BODY)

local server
setup(function() server = faults.start() end)
teardown(function() server:stop() end)

local function join(...)
  local plan = {}
  for _, part in ipairs { ... } do
    for _, step in ipairs(part) do plan[#plan + 1] = step end
  end
  return plan
end

local function times(count, ...)
  local plan = {}
  for _ = 1, count do plan = join(plan, { ... }) end
  return plan
end

local begin = { faults.handshake(), faults.http2 }

--- So many calls at once; each is known to the server by its number.
local function burst(tm, count, spec)
  local calls, results = {}, {}
  for i = 1, count do
    local one = { method = "GET", path = "/thing", headers = { ["X-Test"] = "n" .. i } }
    local more = spec
    if type(spec) == "function" then more = spec(i) end
    for name, value in pairs(more or {}) do one[name] = value end
    calls[i] = assert(tm:send(one))
  end
  for i, call in ipairs(calls) do
    local data, err, response = call:wait()
    results[i] = { data = data, err = err, response = response }
  end
  return results
end

local function client(plans, options, about)
  about = about or { scheme = "http2" }
  local url = server:script(plans, about)
  core.refill_retries(url)
  local all = { concurrency = 64, retries = 3 }
  for name, value in pairs(options or {}) do all[name] = value end
  return rows.client(server, url, all)
end

local function all_fine(results)
  for i, result in ipairs(results) do
    assert.is_nil(result.err, ("call %d: %s"):format(i, tostring(result.err)))
    assert.same({ fine = true }, result.data)
  end
end

--- How often the server saw each call, by its number.
local function copies(seen)
  local count = {}
  for _, request in ipairs(seen.requests) do count[request.test] = (count[request.test] or 0) + 1 end
  return count
end

describe("a burst of calls over HTTP/2", function()
  it("opens one connection", function()
    local tm = client {}
    all_fine(burst(tm, 64))
    assert.equal(1, server:seen().connections)
    all_fine(burst(tm, 64))
    assert.equal(1, server:seen().connections)
    tm:close()
  end)

  it("opens one connection again after the first was closed", function()
    local tm = client { join(begin, times(64, read, good), { finish }) }
    all_fine(burst(tm, 64))
    all_fine(burst(tm, 64))
    assert.equal(2, server:seen().connections)
    tm:close()
  end)

  it("leaves a POST without a key a connection that nobody shares", function()
    local tm = client {}
    all_fine(burst(tm, 30, function(i)
      return i % 10 == 0 and { method = "POST", body = {}, idempotency_key = false } or nil
    end))
    local seen = server:seen()
    local users = {}
    for _, request in ipairs(seen.requests) do
      users[request.connection] = (users[request.connection] or 0) + 1
    end
    assert.equal(4, seen.connections)
    for _, request in ipairs(seen.requests) do
      assert.equal(request.method == "POST" and 1 or 27, users[request.connection])
    end
    tm:close()
  end)
end)

describe("a burst of calls to a server of HTTP/1.1", function()
  local answer = faults.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n" .. BODY)
  -- A handshake of 300 ms, and one request a connection, answered when all of them can be there.
  local slow = { faults.pause(300), faults.handshake(), read, faults.pause(200), answer, finish }

  it("waits for one handshake, not for each", function()
    local tm = client({ slow }, nil, { scheme = "tls", every = true })
    local began = socket.gettime()
    all_fine(burst(tm, 16))
    assert.is_true(socket.gettime() - began < 16 * 0.3 / 2)
    assert.equal(16, server:seen().connections)
    tm:close()
  end)

  it("waits for none once the server is known", function()
    local tm = client({ { faults.handshake(), read, answer, finish }, slow }, nil,
      { scheme = "tls", every = true })
    assert(tm:get "/first")
    local began = socket.gettime()
    all_fine(burst(tm, 16))
    assert.is_true(socket.gettime() - began < 16 * 0.3 / 2)
    assert.equal(17, server:seen().connections)
    tm:close()
  end)
end)

describe("calls that wait for a connection", function()
  local function all_failed(results, kind, limit)
    for i, result in ipairs(results) do
      local err = result.err
      assert.is_not_nil(err, "call " .. i)
      assert.equal(kind, err.kind, tostring(err))
      assert.equal("not_sent", err.outcome, tostring(err))
      if limit then assert.is_true(err.elapsed < limit, err.elapsed .. " s") end
    end
  end

  it("time out as if they had connected themselves", function()
    local tm = client({ { hold } }, { connect_timeout = 0.3, retries = 0 }, { scheme = "http2", every = true })
    all_failed(burst(tm, 20, { method = "POST", body = {} }), "timeout", 2)
    assert.is_true(server:seen().connections <= 2)
    tm:close()
  end)

  it("end with their own deadline", function()
    local tm = client({ { hold } }, { retries = 0 }, { scheme = "http2", every = true })
    local results = burst(tm, 20, function(i) return { deadline = 0.1 + i * 0.01 } end)
    all_failed(results, "timeout", 2)
    tm:close()
  end)

  it("try themselves when the one that opened it fails", function()
    local tm = client { { reset }, { faults.handshake(), reset }, { finish } }
    all_fine(burst(tm, 20))
    tm:close()
  end)

  it("each hear of a server that nobody may trust", function()
    local tm = client({ { faults.handshake "expired" } }, nil, { scheme = "http2", every = true })
    all_failed(burst(tm, 10), "tls")
    tm:close()
  end)

  it("each hear that nobody listens", function()
    local holder, url = raw_server.reserve()
    local tm = rows.client(server, (url:gsub("^http:", "https:")), { concurrency = 64, retries = 0 })
    all_failed(burst(tm, 64), "network")
    tm:close()
    holder:close()
  end)

  it("go on when the one that opens it is cancelled", function()
    local tm = client { { hold } }
    local first = assert(tm:send { method = "GET", path = "/thing" })
    local second = assert(tm:send { method = "GET", path = "/thing" })
    repeat tm:sleep(0.002) until server:seen().connections == 1
    first:cancel()
    assert.same({ fine = true }, (second:wait()))
    tm:close()
  end)
end)

describe("a connection that breaks under many streams", function()
  local function broken(how)
    return { join(begin, times(50, read), { how }) }
  end

  for name, how in pairs { ["is reset"] = reset, ["ends"] = finish } do
    it("and " .. name .. " fails no call that may be repeated", function()
      local tm = client(broken(how))
      all_fine(burst(tm, 50, function(i)
        return i % 2 == 0 and { method = "POST", body = {} } or nil
      end))
      local seen = server:seen()
      local keys = {}
      for _, request in ipairs(seen.requests) do
        if request.method == "POST" then
          assert.is_truthy(request.key)
          assert.equal(keys[request.test] or request.key, request.key)
          keys[request.test] = request.key
        end
      end
      for test, count in pairs(copies(seen)) do assert.is_true(count <= 2, test .. ": " .. count) end
      assert.is_true(seen.connections <= 4, seen.connections .. " connections")
      tm:close()
    end)
  end

  it("says GOAWAY: what it answers is not sent again, the rest is", function()
    local tm = client { join(begin, times(20, read, good), { faults.go_away(39), hold }) }
    all_fine(burst(tm, 50))
    local seen = copies(server:seen())
    local once = 0
    for test, count in pairs(seen) do
      assert.is_true(count <= 2, test .. ": " .. count)
      if count == 1 then once = once + 1 end
    end
    assert.is_true(once >= 20, once)
    tm:close()
  end)

  it("says GOAWAY: a POST without a key reaches the server once or is told", function()
    local plan = join(begin, { read, faults.go_away(0), hold })
    local tm = client({ plan, plan, plan, plan, plan })
    local results = burst(tm, 20, { method = "POST", body = {}, idempotency_key = false })
    local seen = copies(server:seen())
    local failed = 0
    for i, result in ipairs(results) do
      if result.err then
        failed = failed + 1
        assert.is_not_equal("rejected", result.err.outcome)
      end
      assert.is_true(seen["n" .. i] <= 2) -- the first may be one that the server said it left alone
    end
    assert.is_true(failed <= 5, failed)
    tm:close()
  end)

  it("loses one stream only: the others go on", function()
    for _, code in ipairs { REFUSED_STREAM, INTERNAL_ERROR } do
      local tm = client { join(begin, times(9, read, good), { read, faults.reset_stream(code), serve }) }
      local results = burst(tm, 30)
      all_fine(results)
      local repeated = 0
      for _, result in ipairs(results) do repeated = repeated + result.response.attempts - 1 end
      assert.is_true(repeated <= 1, repeated)
      tm:close()
    end
  end)
end)

describe("a shared connection on which a call is given up", function()
  local function get(tm, more)
    local spec = { method = "GET", path = "/thing", retries = 1 }
    for name, value in pairs(more or {}) do spec[name] = value end
    return assert(tm:send(spec))
  end

  it("and that says nothing any more is left by all at once", function()
    local tm = client { join(begin, { read, good, hold }) }
    assert(tm:get "/first")
    local patient = get(tm, { timeout = 3 })
    local first = get(tm, { timeout = 0.3, retries = 0 })
    assert.equal("timeout", select(2, first:wait()).kind)
    local data, err, response = patient:wait()
    assert.is_nil(err, tostring(err))
    assert.same({ fine = true }, data)
    assert.is_true(response.elapsed < 2.5, response.elapsed)
    assert.equal(2, server:seen().connections)
    tm:close()
  end)

  it("and that is silent is chosen by no later call", function()
    local tm = client { join(begin, times(8, read, good), { hold }) }
    all_fine(burst(tm, 8))
    all_fine(burst(tm, 8, { timeout = 0.3 }))
    all_fine(burst(tm, 8))
    assert.is_true(server:seen().connections <= 3, server:seen().connections)
    tm:close()
  end)

  it("but that is well goes on, when the call was cancelled", function()
    local tm = client { join(begin, { read, read, read, faults.pause(200), good, serve }) }
    local first = get(tm)
    local second = get(tm)
    repeat tm:sleep(0.002) until #server:seen().requests == 2
    first:cancel()
    assert.equal("cancelled", select(2, first:wait()).kind)
    local third = get(tm)
    local _, err, response = third:wait()
    assert.is_nil(err, tostring(err))
    assert.equal(1, response.attempts)
    second:cancel()
    assert.equal(1, server:seen().connections)
    tm:close()
  end)

  it("but that is well goes on, when the call timed out", function()
    local tm = client { join(begin, { read, serve }) }
    local stuck = get(tm, { timeout = 0.5, retries = 0 })
    local others = 0
    repeat
      local _, err, response = tm:get "/other"
      assert.is_nil(err, tostring(err))
      assert.equal(1, response.attempts)
      others = others + 1
    until stuck:done()
    assert.equal("timeout", select(2, stuck:wait()).kind)
    assert(tm:get "/last")
    assert.equal(1, server:seen().connections)
    assert.is_true(others > 1)
    tm:close()
  end)
end)

describe("a stream that was refused", function()
  -- libcurl keeps that in mind with its handle.
  it("makes no later request go out twice", function()
    local tm = client { join(begin, { read, good, read, faults.reset_stream(REFUSED_STREAM), serve }) }
    assert(tm:get "/first")
    assert(tm:get "/refused")
    tm:close()
    tm = client({ { faults.handshake(), read, finish } }, nil, { scheme = "tls", every = true })
    local _, err = tm:post("/thing", {}, { idempotency_key = false })
    assert.equal("unknown", err.outcome)
    assert.equal(1, #server:seen().requests)
    tm:close()
  end)
end)
