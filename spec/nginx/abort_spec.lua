-- Clients of nginx that leave: their calls end, and nothing is left of them.
--
-- TRAIL_LONG=1 does it with 1,000 calls and ten rounds, after ten more.

local gate_server = require "spec.support.gate_server"
local nginx = require "spec.support.nginx"

local LONG = os.getenv "TRAIL_LONG" == "1"
local CALLS, ROUNDS = LONG and 1000 or 60, LONG and 10 or 3

describe("calls of clients that leave nginx", function()
  local slow, gate, server
  setup(function()
    -- A gate for more connections than that of Lua's own can have.
    slow = nginx.start {
      init_worker = [[ waiting = require("ngx.semaphore").new() ]],
      locations = [[
        location / { content_by_lua_block {
          waiting:wait(60)
          ngx.header.content_type = "application/json"
          ngx.say('{"path":"', ngx.var.uri, '"}')
        } }
        location = /-waiting { content_by_lua_block { ngx.say(-waiting:count()) } }
        location = /-release { content_by_lua_block { waiting:post(-waiting:count()) ngx.say "" } }
      ]],
    }
    gate = gate_server.start()
    server = nginx.start {
      main = "env GATE; env SLOW;",
      http = [[
        lua_check_client_abort on; lua_shared_dict said 1m;
        init_by_lua_block {
          trailmark, sharing = require "trailmark", { count = 0 }
          held = trailmark.assert(trailmark.new { key = "tm_live_of_nobody_at_all", pace = "off",
            base_url = os.getenv "GATE", concurrency = 2000, timeout = 60 })
          slow = trailmark.assert(trailmark.new { key = "tm_live_of_nobody_at_all", pace = "off",
            base_url = os.getenv "SLOW", concurrency = 2000, timeout = 60 })
        }
      ]],
      locations = [[
        location = /one { content_by_lua_block {
          ngx.say(trailmark.assert(slow:get("/slow/" .. ngx.var.arg_n)).path)
        } }
        location = /many { content_by_lua_block {
          local specs = {}
          for i = 1, 10 do specs[i] = { path = "/hold/many/" .. i } end
          held:all(specs)
        } }
        location = /kept { content_by_lua_block {
          local call = held:send({ path = "/hold/kept" }, function(data) ngx.shared.said:set("it", data.path) end)
          call:wait()
        } }
        location = /shared {
          content_by_lua_block {
            local call = sharing.call
            if not call or call:done() then call = held:send { path = "/hold/shared" } end
            sharing.call, sharing.count = call, sharing.count + 1
            ngx.say((call:wait()).path)
          }
          log_by_lua_block { sharing.count = sharing.count - 1 }
        }
        location = /sharers { content_by_lua_block { ngx.say(sharing.count) } }
        location = /late { content_by_lua_block {
          local _, err = held:get("/hold/late", nil, { deadline = 0.2 })
          ngx.shared.said:set("late", err.kind)
        } }
        location = /said_late { content_by_lua_block { ngx.say(ngx.shared.said:get "late" or "") } }
        location = /said { content_by_lua_block { ngx.say(ngx.shared.said:get "it" or "") } }
        location = /live { content_by_lua_block { ngx.say(slow.handle:live()) } }
        location = /idle { content_by_lua_block { collectgarbage() collectgarbage() ngx.say "" } }
      ]],
      env = { GATE = gate.url, SLOW = slow.url },
    }
  end)
  teardown(function()
    server:stop()
    gate:stop()
    slow:stop()
  end)

  local function held() return #gate:held() end

  local function resident(pid)
    for line in io.lines(("/proc/%d/status"):format(pid)) do
      local kib = line:match "^RssAnon:%s+(%d+)"
      if kib then return tonumber(kib) end
    end
  end

  local function round()
    local connections = {}
    for i = 1, CALLS do connections[i] = server:open("/one?n=" .. i) end
    local function live() return tonumber(server:says "/live") end
    nginx.await("all", function() return tonumber(slow:says "/-waiting") == CALLS end)
    local pid = server:pid()
    local kept_waiting = nginx.kept_waiting(pid)
    for i = 1, CALLS, 2 do connections[i]:close() end
    local took = nginx.await("half", function() return live() == CALLS / 2 end)
    took = took - (nginx.kept_waiting(pid) - kept_waiting)
    slow:says "/-release"
    for i = 2, CALLS, 2 do
      local status, body = nginx.read(connections[i])
      assert.same({ 200, ("/slow/%d\n"):format(i) }, { status, body })
    end
    server:says "/idle"
    return took
  end

  it("end at once (in the long form: within 100 ms), the others are answered, and nothing leaks", function()
    for _ = 1, LONG and 10 or 1 do round() end -- until what is kept for the next ones has its size
    local pid = server:pid()
    local descriptors, threads, memory = nginx.descriptors(pid), nginx.threads(pid), resident(pid)
    local longest = 0
    for _ = 1, ROUNDS do longest = math.max(longest, round()) end
    if LONG then
      print(("half of %d clients left: their transfers ended within %.0f ms of own time"):format(CALLS,
        longest * 1e3))
      assert.is_true(longest < 0.1)
    end
    nginx.await("its descriptors", function() return nginx.descriptors(pid) <= descriptors + 8 end)
    assert.equal(threads, nginx.threads(pid))
    assert.is_true(resident(pid) < memory * 1.1 + 1024, ("%d KiB, then %d"):format(memory, resident(pid)))
    assert.equal("", server:errors())
  end)

  it("end all together where one handler has made many", function()
    local connection = server:open "/many"
    nginx.await("all", function() return held() == 10 end)
    connection:close()
    nginx.await("none", function() return held() == 0 end)
  end)

  local function sharing(count)
    nginx.await("those who wait", function() return server:says "/sharers" == tostring(count) end)
  end

  it("go on while one is left of those who wait for one together", function()
    local first, second = server:open "/shared", server:open "/shared"
    sharing(2)
    nginx.await("the call", function() return held() == 1 end)
    first:close()
    sharing(1)
    local third = server:open "/shared"
    sharing(2)
    gate:release()
    for _, connection in ipairs { second, third } do
      local status, body = nginx.read(connection)
      assert.same({ 200, "/hold/shared\n" }, { status, body })
    end
    sharing(0)
  end)

  it("end with the last of those who wait for one together", function()
    local first, second = server:open "/shared", server:open "/shared"
    sharing(2)
    nginx.await("the call", function() return held() == 1 end)
    first:close()
    sharing(1)
    second:close()
    nginx.await("none", function() return held() == 0 end)
    assert.equal("", server:errors())
  end)

  it("end at their deadline where the client had closed before its handler began: nginx tells nobody", function()
    local pid = server:pid()
    assert(os.execute(("kill -STOP %d"):format(pid)))
    server:open("/late"):close()
    assert(os.execute(("kill -CONT %d"):format(pid)))
    nginx.await("the deadline", function() return server:says "/said_late" == "timeout" end)
  end)

  it("go on where they have a callback", function()
    local connection = server:open "/kept"
    nginx.await("the call", function() return held() == 1 end)
    connection:close()
    server:says "/said"
    gate:release()
    nginx.await("the callback", function() return server:says "/said" == "/hold/kept" end)
    assert.equal("", server:errors())
  end)
end)
