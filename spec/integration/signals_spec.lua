-- A signal that comes while a call or a sleep waits: its handler runs at once.

local socket = require "socket"
local own_time = require "spec.support.own_time"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"

local AT_ONCE = 0.2 -- seconds of the child's own and ours

local server
setup(function()
  server = raw_server.start(function(connection, _, say)
    local request = connection:request()
    if request.line:find("/quick", 1, true) then return connection:answer(200, "{}") end
    if request.line:find("/rejected", 1, true) then return connection:answer(401, "{}") end
    say("stalled\n")
    if request.line:find("/later", 1, true) then
      socket.sleep(0.3) -- the answer comes while the handler has long run
      return connection:answer(200, '{"late":true}')
    end
    connection:await_end()
  end)
end)
teardown(function() server:stop() end)

local SETUP = [[
  io.stdout:setvbuf("no")
  local process = require "trailmark_testing".process
  local tm = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL" }
  assert(tm:get("/quick"))
]]

local WAITS = {
  { "a call", 'print "waits" tm:get("/stall")', "stalled\n" },
  { "a sleep", 'print "waits" tm:sleep(60)' },
  { "a sent call's wait", 'print "waits" tm:send({ path = "/stall" }):wait()', "stalled\n" },
  { "a wait with a time", 'print "waits" tm:send({ path = "/stall" }):wait(60)', "stalled\n" },
  { "tm:all", 'print "waits" tm:all { { path = "/quick" }, { path = "/stall" } }', "stalled\n" },
  { "tm:map", 'print "waits" tm:map({ 1, 2 }, function() return { path = "/stall" } end)', "stalled\n.*stalled\n" },
  { "tm:collect", 'print "waits" tm:collect "/stall"', "stalled\n" },
  { "a loop over a list", 'print "waits" for _ in tm:each "/stall" do end', "stalled\n" },
  { "a grace", 'local call = tm:send { path = "/stall" } print "waits" tm:close(60)', "stalled\n" },
  { "a key function's wait", [[
    tm:close()
    local vault = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL" }
    local own = require "trailmark".new { pace = "off", base_url = os.getenv "URL", key = function()
      print "waits"
      vault:get "/stall"
    end }
    print(own:get "/quick")
  ]], "stalled\n", in_function = true },
  { "the wait of a key function after a 401", [[
    local vault = tm
    local own = require "trailmark".new { pace = "off", base_url = os.getenv "URL", key = function(why)
      if why == "first" then return "tm_live_old" end
      print "waits"
      vault:get "/stall"
    end }
    print(own:get "/rejected")
  ]], "stalled\n", in_function = true },
  { "a callback's wait", [[
    tm:send({ path = "/quick" }, function() print "waits" tm:get "/stall" end)
    tm:sleep(60)
  ]], "stalled\n", in_function = true },
}

--- Starts a child, waits until it waits, and sends the signal. Returns the child and how long it lived on.
local function interrupted(wait, signal, handler)
  local child = process.lua(SETUP .. (handler or "") .. wait[2], { URL = server.url })
  child:expect("waits\n")
  if wait[3] then server:expect(wait[3]) end
  local begun = own_time(child)
  child:kill(signal)
  local said, code, complaint, died_of = child:finish()
  return own_time(child) - begun, said, code, complaint, died_of
end

for _, wait in ipairs(WAITS) do
  describe("during " .. wait[1], function()
    if process.is_plain_lua() then
      it("Ctrl-C ends lua at once", function()
        local took, _, code, complaint = interrupted(wait, process.INT)
        assert.is_true(took < AT_ONCE, ("after %.3f s"):format(took))
        assert.equal(1, code)
        assert.matches("interrupted!", complaint)
      end)
    end

    it("SIGTERM's default ends the process at once", function()
      local took, _, code, _, died_of = interrupted(wait, process.TERM)
      assert.is_true(took < AT_ONCE, ("after %.3f s"):format(took))
      assert.equal(process.TERM, died_of)
      assert.equal(process.TERM, code)
    end)

    -- There it is the error of the function, which ends that alone.
    if wait.in_function then return end

    it("a handler of SIGTERM that raises runs at once and ends the wait", function()
      local took, said, _, complaint = interrupted(wait, process.TERM, [[
        process.handle(15, function() print "handled" error("terminated!", 0) end)
      ]])
      assert.is_true(took < AT_ONCE, ("after %.3f s"):format(took))
      assert.equal("waits\nhandled\n", said)
      assert.matches("terminated!", complaint)
    end)
  end)
end

describe("a signal that comes while a call begins to wait", function()
  it("is not slept over", function()
    local own = raw_server.start(function(connection) connection:await_end() end)
    finally(function() own:stop() end)
    local child = process.lua([[
      io.stdout:setvbuf("no")
      local process, trailmark = require "trailmark_testing".process, require "trailmark"
      process.handle(15, function() error("stop", 0) end)
      for _ = 1, 60 do
        local tm = trailmark.new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL", retries = 0 }
        print(select(2, pcall(tm.get, tm, "/stall")))
      end
    ]], { URL = own.url })
    for _ = 1, 60 do
      own:expect("connection %d+\n") -- accepted by the kernel while the client still prepares
      local begun = own_time(child)
      child:kill(process.TERM)
      child:expect("stop\n")
      local took = own_time(child) - begun
      assert.is_true(took < AT_ONCE, ("after %.3f s"):format(took))
    end
    local _, code = child:finish()
    assert.equal(0, code)
  end)
end)

describe("a handler that returns", function()
  it("lets the call go on to its answer", function()
    local child = process.lua(SETUP .. [[
      process.handle(15, function() print "handled" end)
      print "waits"
      local data, err = tm:get("/later")
      print(err or data.late)
    ]], { URL = server.url })
    child:expect("waits\n")
    server:expect("stalled\n")
    child:kill(process.TERM)
    child:expect("handled\n")
    assert.same({ "waits\nhandled\ntrue\n", 0, "" }, { child:finish() })
  end)

  it("lets a sleep last as long as it was to last", function()
    local child = process.lua(SETUP .. [[
      process.handle(15, function() print "handled" end)
      print "waits"
      tm:sleep(0.4)
      print "slept"
    ]], { URL = server.url })
    child:expect("waits\n")
    local begun = socket.gettime()
    child:kill(process.TERM)
    child:expect("handled\n")
    assert.same({ "waits\nhandled\nslept\n", 0, "" }, { child:finish() })
    local took = socket.gettime() - begun
    assert.is_true(took > 0.3 and took < 2, ("%.3f s"):format(took))
  end)
end)

describe("a client whose wait was interrupted", function()
  it("goes on to be used", function()
    local child = process.lua(SETUP .. [[
      process.handle(15, function() error("stop", 0) end)
      print "waits"
      local fine, problem = pcall(tm.get, tm, "/stall")
      print(fine, problem)
      print(#assert(tm:get("/quick")))
    ]], { URL = server.url })
    child:expect("waits\n")
    server:expect("stalled\n")
    child:kill(process.TERM)
    assert.same({ "waits\nfalse\tstop\n0\n", 0, "" }, { child:finish() })
  end)
end)

describe("a call whose wait a handler ended by an error", function()
  it("is over: no retry of it is sent later", function()
    local own = raw_server.start(function(connection, _, say)
      for request in function() return connection:request() end do
        say(request.line .. "\n")
        connection:answer(request.line:find("POST", 1, true) and 503 or 200, "{}", "Retry-After: 1\r\n")
      end
    end)
    finally(function() own:stop() end)
    local child = process.lua(SETUP .. [[
      process.handle(15, function() error("terminated!", 0) end)
      print "waits"
      print(pcall(tm.post, tm, "/contacts", {}))
      tm:sleep(1.5)
      assert(tm:get("/after"))
    ]], { URL = own.url })
    child:expect("waits\n")
    own:expect("POST /contacts")
    child:kill(process.TERM)
    local said, code = child:finish()
    assert.equal(0, code)
    assert.matches("false%sterminated!", said)
    own:expect("GET /after")
    local _, posts = own:stop():gsub("POST /contacts", "")
    assert.equal(1, posts)
  end)
end)

describe("what a handler ended by an error", function()
  local HANDLER = [[
    process.handle(15, function() error("terminated!", 0) end)
    local function ended(what, ...)
      local fine, problem = pcall(...)
      print(what, fine, problem)
    end
  ]]

  --- The output of a child that is signalled each time it says that it waits.
  local function signalled(code, times, stalls)
    local own = raw_server.start(function(connection, _, say)
      for request in function() return connection:request() end do
        say(request.line .. "\n")
        if request.line:find "/stall" then return connection:await_end() end
        connection:answer(200, "{}")
      end
    end)
    finally(function() own:stop() end)
    local child = process.lua(SETUP .. HANDLER .. code, { URL = own.url })
    for i = 1, times do
      child:expect "waits\n"
      for _ = 1, stalls[i] do own:expect "GET /stall HTTP/1.1\n" end
      child:kill(process.TERM)
    end
    local said, exit_code, complaint = child:finish()
    assert.same({ 0, "" }, { exit_code, complaint })
    return said, own:stop()
  end

  it("leaves a sent call under way, to be waited for again", function()
    local said = signalled([[
      local call = tm:send { path = "/stall" }
      print "waits"
      ended("wait", call.wait, call)
      print(call:done(), (select(2, call:wait(0))).kind)
      call:cancel()
      print(select(2, call:wait()).kind)
    ]], 1, { 1 })
    assert.equal("waits\nwait\tfalse\tterminated!\nfalse\tpending\ncancelled\n", said)
  end)

  it("cancels what all and map had under way, and begins nothing more", function()
    local said, seen = signalled([[
      local items = {}
      for i = 1, 10 do items[i] = i end
      print "waits"
      ended("map", tm.map, tm, items, function() return { path = "/stall" } end, { concurrency = 2 })
      print "waits"
      ended("all", tm.all, tm, { { path = "/stall" }, { path = "/quick" } })
      print(#assert(tm:get "/quick"))
    ]], 2, { 2, 1 })
    assert.equal("waits\nmap\tfalse\tterminated!\nwaits\nall\tfalse\tterminated!\n0\n", said)
    local _, stalled = seen:gsub("GET /stall", "")
    assert.equal(3, stalled)
  end)

  it("closes a client whose grace it cut short", function()
    local said = signalled([[
      local call = tm:send { path = "/stall" }
      print "waits"
      ended("close", tm.close, tm, 60)
      print(call:done(), select(2, call:wait()).kind, select(2, tm:get "/quick").kind)
    ]], 1, { 1 })
    assert.equal("waits\nclose\tfalse\tterminated!\ntrue\tclosed\tclosed\n", said)
  end)

  it("leaves callbacks, hooks and everything else working", function()
    local said = signalled([[
      local events = 0
      tm = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL",
        on_event = function() events = events + 1 end }
      for i = 1, 10 do
        tm:send({ path = "/stall" }, function() end)
        print "waits"
        ended(i, tm.sleep, tm, 60)
      end
      local before, told = events, 0
      tm:send({ path = "/quick" }, function() told = told + 1 end)
      local other = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL" }
      tm:close()
      other:send({ path = "/quick" }, function() told = told + 1 end)
      repeat other:sleep(0.002) until told == 2
      print(events > before)
    ]], 10, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 })
    assert.matches("10\tfalse\tterminated!\ntrue\n$", said)
  end)
end)
