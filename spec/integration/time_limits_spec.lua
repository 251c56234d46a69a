-- timeout, connect_timeout and deadline hold against servers that say nothing, stall, drip or never accept:
-- to within 100 ms of own time, however busy the machine is.

local socket = require "socket"
local trailmark = require "trailmark"
local own_time = require "spec.support.own_time"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"

local LATE = tonumber(os.getenv("TRAIL_SUITE") and os.getenv("TRAIL_SUITE"):find("asan") and 0.5) or 0.1

local function client(url, opts)
  local all = { key = "tm_live_x", base_url = url, pace = "off", retries = 0, backoff = { base = 0.005, cap = 0.02 } }
  for name, value in pairs(opts) do all[name] = value end
  return assert(trailmark.new(all))
end

--- Runs it; it must not end before `least` seconds, nor more than 100 ms after them (or after `most`).
local function takes(least, run, most)
  local begun, own_begun = socket.gettime(), own_time()
  local result, err = run()
  local own, took = own_time() - own_begun, socket.gettime() - begun
  assert.is_true(took >= least - 0.002, ("after %.3f s"):format(took))
  assert.is_true(own <= (most or least) + LATE, ("after %.3f s, %.3f of them own"):format(took, own))
  return result, err
end

--- The error of a call that must end so.
local function ends_after(least, call)
  local data, err = takes(least, call)
  assert.is_nil(data)
  assert.equal("timeout", err.kind)
  return err
end

local function with_server(handle, run)
  local server = raw_server.start(handle)
  local fine, problem = pcall(run, server)
  server:stop()
  if not fine then error(problem, 0) end
end

--- Says what it is given, then nothing more until the client goes away.
local function stalls_after(text)
  return function(connection)
    connection:request()
    connection:say(text)
    connection:await_end()
  end
end

local STALLS = {
  { "before the answer", "", "unknown" },
  { "in the status line", "HTTP/1.1 2", "unknown" },
  { "in the header block", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "unknown" },
  { "in the body", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{", "done" },
  { "in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "done" },
  { "in the body of an error", "HTTP/1.1 404 No\r\nContent-Length: 20\r\n\r\n{", "unknown" },
}

describe("a server that stalls", function()
  for _, row in ipairs(STALLS) do
    it(row[1] .. " costs the timeout", function()
      with_server(stalls_after(row[2]), function(server)
        local err = ends_after(0.15, function() return client(server.url, { timeout = 0.15 }):get("/x") end)
        assert.equal(row[3], err.outcome)
        assert.matches("the limit was timeout = 0%.15", err.hint)
        assert.equal(1, err.attempts)
      end)
    end)
  end

  it("costs the timeout once for each attempt", function()
    with_server(stalls_after(""), function(server)
      local tm = client(server.url, { timeout = 0.1, retries = 2, backoff = { base = 0.001, cap = 0.001 } })
      local err = ends_after(0.3, function() return tm:get("/x") end)
      assert.equal(3, err.attempts)
      for _, attempt in ipairs(err.history) do
        assert.equal("timeout", attempt.kind)
        assert.is_true(attempt.elapsed >= 0.099)
      end
    end)
  end)

  it("costs the deadline at most, over all attempts", function()
    with_server(stalls_after(""), function(server)
      -- A wait that does not fit the deadline would end the call before it.
      local tm = client(server.url,
        { timeout = 0.1, retries = 20, deadline = 0.55, backoff = { base = 1e-6, cap = 1e-6 } })
      local err = ends_after(0.55, function() return tm:get("/x") end)
      -- Of an attempt that was to end just before it, the machine may tell only after it.
      if err.history[err.attempts].elapsed < 0.1 then
        assert.matches("the limit was deadline = 0%.55", err.hint)
      end
      assert.is_true(err.attempts > 1)
    end)
  end)

  it("costs the deadline where that is the shorter", function()
    with_server(stalls_after(""), function(server)
      local tm = client(server.url, { timeout = 5, deadline = 5 })
      ends_after(0.12, function() return tm:get("/x", nil, { deadline = 0.12 }) end)
      ends_after(0.12, function() return tm:get("/x", nil, { timeout = 0.12 }) end)
    end)
  end)

  it("does not hold up the client's next call", function()
    local function handle(connection, number)
      local request = connection:request()
      if number == 1 then connection:await_end() else connection:answer(200, "{}") end
      return request
    end
    with_server(handle, function(server)
      local tm = client(server.url, { timeout = 0.1 })
      assert.equal("timeout", select(2, tm:get("/x")).kind)
      assert.same({}, tm:get("/x", nil, { timeout = 20 }))
    end)
  end)

  it("may have acted on a POST", function()
    with_server(stalls_after(""), function(server)
      local tm = client(server.url, { timeout = 0.1 })
      local _, err = tm:post("/x", {})
      assert.equal("unknown", err.outcome)
      assert.is_true(err.retryable)
      local _, unkeyed = tm:post("/x", {}, { idempotency_key = false, retries = 3 })
      assert.equal(1, unkeyed.attempts)
      assert.is_false(unkeyed.retryable)
    end)
  end)
end)

describe("a server that drips", function()
  it("one byte at a time costs the timeout", function()
    local function drip(connection)
      connection:request()
      connection:say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
      repeat
        socket.sleep(0.01) -- the drip itself
      until not connection:say("x")
    end
    with_server(drip, function(server)
      ends_after(0.2, function() return client(server.url, { timeout = 0.2 }):get("/x") end)
    end)
  end)
end)

describe("a server that does not accept", function()
  --- A listener whose queue is full: further connections wait for ever.
  local function full()
    local listener, url = raw_server.listen(0)
    local port = tonumber(url:match("%d+$"))
    local waiting = {}
    for i = 1, 8 do
      waiting[i] = socket.tcp()
      waiting[i]:settimeout(0.02)
      if not waiting[i]:connect("127.0.0.1", port) then break end
    end
    return url, function()
      for _, one in ipairs(waiting) do one:close() end
      listener:close()
    end
  end

  it("costs the connect_timeout", function()
    local url, close = full()
    finally(close)
    local tm = client(url, { connect_timeout = 0.2, timeout = 5 })
    local err = ends_after(0.2, function() return tm:get("/x") end)
    assert.equal("not_sent", err.outcome)
    assert.matches("connect_timeout = 0%.2", err.hint)
    assert.is_true(err.retryable)
  end)

  it("costs the timeout where that is the shorter", function()
    local url, close = full()
    finally(close)
    local tm = client(url, { connect_timeout = 5, timeout = 0.15 })
    local err = ends_after(0.15, function() return tm:get("/x") end)
    assert.equal("not_sent", err.outcome)
  end)
end)

describe("a wait before a retry", function()
  it("never passes the deadline", function()
    with_server(function(connection)
      while connection:request() do connection:answer(503) end
    end, function(server)
      local tm = client(server.url, { retries = 20, deadline = 0.8, backoff = { base = 0.3, cap = 0.3 } })
      local _, err = takes(0, function() return tm:get("/x") end, 0.8)
      -- The last answer's, unless the deadline falls into an attempt.
      local last = err.history[#err.history]
      assert.equal(last.kind, err.kind)
      assert.is_true(last.status == 503 or last.kind == "timeout" and err.hint:find("deadline = 0.8", 1, true) ~= nil)
      assert.is_true(err.attempts > 1)
    end)
  end)
end)

describe("tm:sleep", function()
  it("sleeps as long as it says", function()
    local tm = client("http://127.0.0.1:1", {})
    for _, seconds in ipairs { 0, 0.001, 0.05 } do
      takes(seconds, function() tm:sleep(seconds) end)
    end
  end)
end)

describe("a program that is busy beyond its time limits", function()
  it("takes the answer that came in time", function()
    with_server(function(connection, _, say)
      connection:request()
      say("asked\n")
      socket.sleep(0.1) -- until the client's handler runs
      connection:answer(200, '{"in":"time"}')
      connection:await_end()
    end, function(server)
      local child = process.lua([[
        require "trailmark_testing".process.handle(15, function() require "socket".sleep(0.8) end)
        local tm = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL",
          timeout = 0.5, retries = 0 }
        local data, err = tm:post("/x", {})
        io.write(tostring(err or data["in"]))
      ]], { URL = server.url })
      server:expect("asked\n")
      child:kill(process.TERM)
      local said, code = child:finish()
      assert.same({ "time", 0 }, { said, code })
    end)
  end)
end)
