-- The lives of workers: reloads, crashes, their ends, and states that live for one request.
--
-- TRAIL_LONG=1 reloads every second for 30 s.

local gate_server = require "spec.support.gate_server"
local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"
local socket = require "socket"

local LONG = os.getenv "TRAIL_LONG" == "1"

local HTTP = [[
  init_by_lua_block {
    local trailmark = require "trailmark"
    package.loaded.client = trailmark.assert(trailmark.new { pace = "off" })
  }
]]

local LOCATIONS = [[
  location = /echo { content_by_lua_block {
    local trailmark, client = require "trailmark", require "client"
    local data = trailmark.assert(client:get("/echo", { n = ngx.var.arg_n }))
    ngx.print(data.query)
  } }
]]

describe("nginx", function()
  local sb, gate, server
  setup(function()
    sb = assert(sandbox.start { limit = 1e9 })
    gate = gate_server.start()
  end)
  teardown(function()
    gate:stop()
    sb:stop()
  end)
  after_each(function()
    if server then server:stop() end
    server = nil
  end)

  local function start(opts)
    opts.env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url, GATE = gate.url }
    server = nginx.start(opts)
  end

  --- Requests, two at a time, until this is over: how many there were. Each has its own answer.
  local function load_until(is_over)
    local number = 0
    repeat
      local one, other = server:open("/echo?n=" .. number + 1), server:open("/echo?n=" .. number + 2)
      for i, connection in ipairs { one, other } do
        local status, body = nginx.read(connection)
        assert.same({ 200, "n=" .. number + i }, { status, body })
      end
      number = number + 2
    until is_over()
    return number
  end

  it("reloads under load: no request fails, and old workers go", function()
    local reloads, every = 4, 0.3
    if LONG then reloads, every = 30, 1 end
    start { http = HTTP, locations = LOCATIONS, workers = 2 }
    --- The descriptors of a worker, once both have made calls.
    local function descriptors()
      local one, other = server.pids[#server.pids], server.pids[#server.pids - 1]
      load_until(function() return nginx.threads(one) == 2 and nginx.threads(other) == 2 end)
      return math.max(nginx.descriptors(one), nginx.descriptors(other))
    end
    local before = descriptors()
    local requests, longest = 0, 0
    for _ = 1, reloads do
      local old = { server.pids[#server.pids], server.pids[#server.pids - 1] }
      server:signal "HUP"
      local at = socket.gettime()
      requests = requests + load_until(function()
        return socket.gettime() > at + every and not nginx.lives(old[1]) and not nginx.lives(old[2])
      end)
      longest = math.max(longest, socket.gettime() - at - every)
      server:await_workers()
    end
    if LONG then
      print(("%d reloads: %d requests, none failed; old workers were gone at most %.2f s late"):format(
        reloads, requests, longest))
    end
    assert.is_true(longest < 5)
    local now = descriptors()
    assert.is_true(now <= before + 4, ("%d descriptors, then %d"):format(before, now))
    assert.equal("", server:errors())
  end)

  it("puts a worker in the place of one that was killed", function()
    start { http = HTTP, locations = LOCATIONS }
    assert.equal("n=1", server:says "/echo?n=1")
    local old = server:pid()
    assert(os.execute("kill -KILL " .. old))
    server:await_workers(1)
    assert.are_not.equal(old, server:pid())
    assert.equal("n=2", server:says "/echo?n=2")
    assert.matches("exited on signal 9", server:errors())
  end)

  -- A client of the gate's, for calls that are under way as long as a spec likes.
  local HELD = [[
    init_by_lua_block {
      trailmark = require "trailmark"
      held = trailmark.assert(trailmark.new { pace = "off", base_url = os.getenv "GATE", concurrency = 50 })
    }
  ]]
  local WAITING = [[
    location = /hold { content_by_lua_block { ngx.print(trailmark.assert(held:get "/hold").path) } }
    location = /callback { content_by_lua_block {
      held:send({ path = "/hold" }, function(data)
        ngx.log(ngx.NOTICE, "callback: ", data.path, " ", trailmark.assert(held:get "/after").path)
      end)
    } }
  ]]
  local function await_held(count)
    nginx.await(count .. " held", function() return #gate:held() == count end)
  end

  it("ends gracefully: what is under way is answered first", function()
    start { http = HELD, locations = WAITING }
    local connection = server:open "/hold"
    await_held(1)
    server:signal "QUIT"
    server:await_log "gracefully shutting down"
    gate:release()
    local status, body = nginx.read(connection)
    assert.same({ 200, "/hold" }, { status, body })
    local began = socket.gettime()
    assert.equal(0, server:stop "QUIT")
    assert.is_true(socket.gettime() - began < 2)
  end)

  for signal, ends in pairs { QUIT = "ends", HUP = "reloads" } do
    it(ends .. " gracefully: a callback whose call is under way is run, and may wait", function()
      start { http = HELD, locations = WAITING }
      server:get "/callback"
      await_held(1)
      local old = server:pid()
      server:signal(signal)
      if signal == "HUP" then server:await_workers() end
      gate:release()
      nginx.await("the worker's end", function() return not nginx.lives(old) end)
      assert.matches("callback: /hold /after", server:log "callback:")
      assert.equal("", server:errors())
    end)
  end

  it("has workers killed amid calls: their transfers end, and others take their place", function()
    start { http = HELD, locations = WAITING, workers = 2 }
    local open = {}
    for i = 1, 10 do open[i] = server:open "/hold" end
    await_held(10)
    for i = 1, 2 do assert(os.execute("kill -KILL " .. server.pids[i])) end
    server:await_workers()
    await_held(0)
    for i = 1, 10 do assert.is_nil((nginx.read(open[i]))) end
    local again = server:open "/hold"
    await_held(1)
    gate:release()
    assert.equal(200, (nginx.read(again)))
  end)

  it("may end the Lua state of one request while its call is under way", function()
    start {
      http = "lua_code_cache off; lua_check_client_abort on;", main = "env GATE; env TRAILMARK_API_KEY;",
      locations = [[ location = /hold { content_by_lua_block {
        local trailmark = require "trailmark"
        local held = trailmark.assert(trailmark.new { pace = "off", base_url = os.getenv "GATE" })
        ngx.print(trailmark.assert(held:get "/hold").path)
      } } ]],
    }
    for _ = 1, 3 do
      local gone, stays = server:open "/hold", server:open "/hold"
      await_held(2)
      gone:close()
      await_held(1)
      gate:release()
      local status, body = nginx.read(stays)
      assert.same({ 200, "/hold" }, { status, body })
    end
    assert.equal(2, nginx.threads(server:pid()))
  end)

  it("may use a Lua state for one request only", function()
    start {
      http = "lua_code_cache off;",
      locations = [[
        location = /fresh { content_by_lua_block {
          local trailmark = require "trailmark"
          local client = trailmark.assert(trailmark.new { pace = "off" })
          local data = trailmark.assert(client:get("/echo", { n = ngx.var.arg_n }))
          client:send({ path = "/echo" }, function() end) -- is left behind
          ngx.print(data.query)
        } }
      ]],
      main = "env TRAILMARK_API_KEY; env TRAILMARK_BASE_URL;",
    }
    for i = 1, 10 do assert.equal("n=" .. i, server:says("/fresh?n=" .. i)) end
    local pid = server:pid()
    local descriptors = nginx.descriptors(pid)
    for i = 1, 30 do assert.equal("n=" .. i, server:says("/fresh?n=" .. i)) end
    assert.equal(2, nginx.threads(pid))
    nginx.await("the descriptors", function() return nginx.descriptors(pid) <= descriptors + 2 end)
    assert.equal("", (server:errors():gsub("[^\n]*lua_code_cache is off[^\n]*\n?", "")))
  end)

  it("has no thread where no call was made", function()
    start { http = HTTP, locations = "location = / { return 200 ''; }" }
    server:says "/"
    assert.equal(1, nginx.threads(server:pid()))
  end)
end)
