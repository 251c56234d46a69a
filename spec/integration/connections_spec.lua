-- One engine per Lua state: connections are used again by later calls and by other clients, and what a client
-- opened is closed when the state ends.

local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local os_process = require "trailmark_testing".process

local sb
setup(function() sb = assert(sandbox.start { https = true }) end)
teardown(function() sb:stop() end)
before_each(function() sb:reset() end)

--- How many connections the sandbox's requests came by.
local function connections()
  local seen, count = {}, 0
  for _, entry in ipairs(sb:log()) do
    if not seen[entry.connection] then
      seen[entry.connection], count = true, count + 1
    end
  end
  return count
end

describe("a connection", function()
  for _, scheme in ipairs { "http", "https" } do
    it("of " .. scheme .. " is used again by later calls and other clients", function()
      local url = scheme == "http" and sb.http_url or sb.url
      for _ = 1, 3 do
        local tm = assert(sb:client { base_url = url })
        for _ = 1, 3 do assert(tm:workspace()) end
        tm:close()
      end
      assert.equal(9, #sb:log())
      assert.equal(1, connections())
      assert.equal(scheme == "http" and "HTTP/1.1" or "HTTP/2.0", sb:log()[1].protocol)
    end)
  end

  it("is used again after errors, by every method", function()
    local tm = assert(sb:client { base_url = sb.http_url })
    tm:get("/nope")
    tm:get("/echo")
    tm:post("/contacts", {})
    tm:put("/echo", { a = 1 })
    tm:request { method = "HEAD", path = "/workspaces/me" }
    tm:delete("/echo")
    assert.equal(6, #sb:log())
    assert.equal(1, connections())
  end)

  it("is a fresh one for what must not be repeated", function()
    local tm = assert(sb:client { base_url = sb.http_url })
    assert(tm:get("/echo"))
    assert(tm:post("/echo", {}, { idempotency_key = false }))
    assert.equal(2, connections())
  end)

  it("that was such a one is closed after it, over HTTP/2 as well", function()
    for _, url in ipairs { sb.http_url, sb.url } do
      local tm = assert(sb:client { base_url = url })
      local function open()
        local count = 0
        for _, what in pairs(os_process.descriptors()) do
          if what:find("^socket:") then count = count + 1 end
        end
        return count
      end
      assert(tm:get("/echo"))
      local before = open()
      for _ = 1, 20 do assert(tm:post("/echo", {}, { idempotency_key = false })) end
      assert.equal(before, open())
    end
  end)

  it("is not used again when the server says so", function()
    local server = raw_server.start(function(connection)
      connection:request()
      connection:answer(200, "{}", "Connection: close\r\n")
    end)
    local tm = assert(trailmark.new { key = "tm_live_x", pace = "off", base_url = server.url })
    for _ = 1, 3 do assert(tm:get("/x")) end
    assert.equal(3, server:connections())
  end)

  it("that died while it was idle costs no error", function()
    local server = raw_server.start(function(connection)
      connection:request()
      connection:answer(200, "{}")
    end)
    local tm = assert(trailmark.new { key = "tm_live_x", pace = "off", base_url = server.url, retries = 0 })
    for number = 1, 3 do
      assert(tm:get("/x"))
      server:expect(("connection %d\n"):format(number))
    end
    assert.equal(3, server:connections())
  end)
end)

describe("a call in flight", function()
  it("that stalls does not hold up another to the same server", function()
    local server = raw_server.start(function(connection)
      local request = connection:request()
      if request.line:find("/stall", 1, true) then return connection:await_end() end
      connection:answer(200, "{}")
    end)
    local child = process.lua([[
      io.stdout:setvbuf("no")
      local process = require "trailmark_testing".process
      local tm = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL" }
      process.handle(15, function() error("left alone", 0) end)
      print "begins"
      print(select(2, pcall(tm.get, tm, "/stall"))) -- goes on when nobody waits for it any more
      print(tm:get("/x", nil, { timeout = 2 }))
    ]], { URL = server.url })
    child:expect("begins\n")
    server:expect("connection 1\n")
    child:kill(process.TERM)
    local said, _, complaint = child:finish()
    server:stop()
    assert.equal("", complaint)
    assert.matches("left alone\ntable: ", said)
  end)
end)

describe("a Lua state that ends", function()
  local code = [[
    local process = require "trailmark_testing".process
    local trailmark = require "trailmark"
    local before = process.descriptors()
    for _ = 1, 20 do
      local tm = trailmark.new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL", ca_file = os.getenv "CA" }
      for _ = 1, 2 do assert(tm:get("/echo")) end
      if os.getenv "CLOSE" then tm:close() end
    end
    local count = 0
    for fd in pairs(process.descriptors()) do if not before[fd] then count = count + 1 end end
    io.write(count)
  ]]
  for _, close in ipairs { false, "1" } do
    it("has opened little" .. (close and " and closed its clients" or ""), function()
      local child = process.lua(code, { URL = sb.url, CA = sb.ca_file, CLOSE = close or nil })
      local said, exit_code, complaint = child:finish()
      assert.equal("", complaint)
      assert.equal(0, exit_code)
      assert.is_true(tonumber(said) <= 5, said .. " descriptors") -- epoll, timer, libcurl's pair, a connection
      assert.equal(1, connections())
    end)
  end
end)

describe("a client that is collected", function()
  it("takes its memory with it, and the connection stays", function()
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 10 do
      local tm = assert(sb:client { base_url = sb.http_url })
      assert(tm:workspace())
      weak[tm] = true
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    assert.equal(1, connections())
  end)
end)

describe("TLS", function()
  it("is not spoken to who is not known", function()
    local tm = assert(trailmark.new { key = sb.key, base_url = sb.url, retries = 3 })
    local data, err, response = tm:workspace()
    assert.is_nil(data)
    assert.is_nil(response)
    assert.equal("tls", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.equal(1, err.attempts)
    assert.matches("ca_file", err.hint)
    assert.same({}, sb:log())
  end)

  it("is not spoken where the pin does not fit", function()
    local tm = assert(sb:client { pinned_public_key = "sha256//" .. ("A"):rep(43) .. "=" })
    assert.equal("tls", select(2, tm:workspace()).kind)
    assert.same({}, sb:log())
  end)

  it("needs a ca_file that can be read", function()
    local tm, err = sb:client { ca_file = "/not/there.pem" }
    if tm then err = select(2, tm:workspace()) end
    assert.is_truthy(err.kind == "config" or err.kind == "tls", err.kind)
    assert.matches("ca_file", tostring(err))
    assert.same({}, sb:log())
  end)
end)
