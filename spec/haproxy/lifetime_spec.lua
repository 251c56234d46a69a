-- HAProxy's workers come and go, requests end early, Lua is interrupted, states are many.

local gate_server = require "spec.support.gate_server"
local haproxy = require "spec.support.haproxy"
local sandbox = require "trailmark.sandbox"

local describe_here = haproxy.missing() and pending or describe

local LUA = [[
  local tm = trailmark.assert(trailmark.new { concurrency = 100 })
  service("me", function() return trailmark.assert(tm:workspace()).id end)
  service("slow", function()
    core.Info "a slow one begins"
    return trailmark.assert(tm:get("/echo", "slow")).query
  end)
  service("many", function()
    local list = {}
    for i = 1, 30 do list[i] = { path = "/echo", query = "n=" .. i } end
    for i, result in ipairs(tm:all(list)) do
      local data = trailmark.assert(result.data, result.err)
      assert(data.query == "n=" .. i, data.query)
    end
    local left = 30
    for i = 1, left do
      tm:send(list[i], function(data, err)
        assert(trailmark.assert(data, err).query == "n=" .. i)
        left = left - 1
      end)
    end
    while left > 0 do tm:sleep(0.01) end
    return "all"
  end)
]]

describe_here("HAProxy", function()
  local sb, server
  setup(function() sb = assert(sandbox.start { limit = 1000000 }) end)
  teardown(function() sb:stop() end)
  after_each(function()
    if server then server:stop() end
    server = nil
    sb:reset()
  end)

  local function start(opts)
    opts.env = { TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = opts.url or sb.url }
    opts.services = opts.services or { "me", "slow", "many" }
    opts.lua = opts.lua or LUA
    server = haproxy.start(opts)
    return server
  end

  it("lets old workers finish on a reload, and leaves none behind", function()
    start {}
    assert.equal(sb.workspace_id, server:says "/me")
    sb:script { { match = "GET /echo", delay = 1, times = 1 } }
    local slow = server:open "/slow"
    server:await_log "a slow one begins"
    local old = server:pid()
    server:signal "USR2"
    haproxy.await("a new worker", function() return server:pid() ~= old and haproxy.lives(server:pid()) end)
    assert.equal(200, (haproxy.read(slow)))
    assert.is_true(haproxy.await("the old worker's end", function() return not haproxy.lives(old) end) < 5)
    assert.equal(sb.workspace_id, server:says "/me")
    assert.equal(1, haproxy.our_threads(server:pid()))
  end)

  it("ends when a task's call has ended, and waits for none that sleeps", function()
    local gate = gate_server.start()
    finally(function() gate:stop() end)
    start { url = gate.url, lua = LUA .. [[
      core.register_task(function()
        while true do tm:sleep(60) end
      end)
      core.register_task(function() core.Info("it has " .. trailmark.assert(tm:get "/hold").path) end)
    ]] }
    haproxy.await("the call", function() return #gate:held() == 1 end)
    local pid = server:pid()
    haproxy.await("its wait", function() return server:command("show sess"):find("proto=?", 1, true) end)
    server:signal "USR1"
    server:await_log "Proxy spec stopped"
    gate:release()
    assert.is_true(haproxy.await("the worker's end", function() return not haproxy.lives(pid) end) < 5)
    assert.matches("it has /hold", server:log "it has")
  end)

  local BACKEND = "  default_backend waiting\nbackend waiting\n  option abortonclose\n"
  for where, frontend in pairs { [""] = "", [", with `option abortonclose`"] = BACKEND } do
    it("lets a call whose client has left come to its end, and leaves nothing of it" .. where, function()
      start { lua = LUA .. [[
        core.register_action("slow", { "http-req" }, function()
          core.Info "a slow one begins"
          core.Info("it has " .. trailmark.assert(tm:get("/echo", "slow")).query)
        end)
      ]], frontend = frontend .. "  http-request lua.slow if { path /action }" }
      sb:script { { match = "GET /echo", delay = 0.3, times = 1 } }
      assert.equal(sb.workspace_id, server:says "/me")
      local idle = haproxy.descriptors(server:pid())
      local slow = server:open "/action"
      server:await_log "a slow one begins"
      slow:close()
      server:await_log "it has slow"
      haproxy.await("its descriptors", function() return haproxy.descriptors(server:pid()) <= idle end)
    end)
  end

  it("cancels the calls of a function that it ends, once that is collected", function()
    local gate = gate_server.start()
    finally(function() gate:stop() end)
    start { url = gate.url, services = { "hold", "collect" }, lua = [[
      local tm = trailmark.assert(trailmark.new { pace = "off" })
      service("hold", function() return trailmark.assert(tm:get "/hold").path end)
      service("collect", function() collectgarbage() return "done" end)
    ]] }
    local ended, other = server:open "/hold", server:open "/hold"
    haproxy.await("both", function() return #gate:held() == 2 end)
    local sessions = server:command "show sess"
    local session = sessions:match("(0x%x+): proto=tcpv4 src=127.0.0.1:" .. select(2, ended:getsockname()) .. " ")
    assert(session, sessions)
    server:command("shutdown session " .. session)
    assert.is_nil((haproxy.read(ended)))
    haproxy.await("the end of its call", function()
      server:says "/collect"
      return #gate:held() == 1
    end)
    gate:release()
    assert.equal("/hold", select(2, haproxy.read(other)))
  end)

  it("goes on where its descriptors have run out, as they come free", function()
    start { threads = 1, global = "ulimit-n 40\n  maxconn 4", services = { "many" } }
    sb:script { { match = "GET /echo", delay = 0.1, times = 60 } } -- all of them at once
    assert.equal("all", server:says "/many")
    assert.matches("not enough free sockets", server:log "ALERT")
  end)

  it("is not interrupted amid this library, however often it interrupts Lua", function()
    start { global = "tune.lua.forced-yield 20" }
    local open = {}
    for _ = 1, 3 do
      for i = 1, 12 do open[i] = server:open "/many" end
      for i = 1, 12 do
        local status, body = haproxy.read(open[i])
        assert.equal("200 all", status .. " " .. body, server:log "rror")
      end
    end
  end)

  it("has a state for each thread, and one thread that moves the calls of all", function()
    start { per_thread = true, threads = 2 }
    local open = {}
    for _ = 1, 3 do
      for i = 1, 12 do open[i] = server:open "/many" end
      for i = 1, 12 do assert.equal("all", (select(2, haproxy.read(open[i])))) end
    end
    assert.equal(1, haproxy.our_threads(server:pid()))
  end)
end)
