-- A signal that comes while a call or a sleep waits: its handler runs at once.

local socket = require "socket"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"

local AT_ONCE = 0.2

local server
setup(function()
  server = raw_server.start(function(connection, _, say)
    local request = connection:request()
    if request.line:find("/quick", 1, true) then return connection:answer(200, "{}") end
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
}

--- Starts a child, waits until it waits, and sends the signal. Returns the child and how long it lived on.
local function interrupted(wait, signal, handler)
  local child = process.lua(SETUP .. (handler or "") .. wait[2], { URL = server.url })
  child:expect("waits\n")
  if wait[3] then server:expect(wait[3]) end
  local begun = socket.gettime()
  child:kill(signal)
  local said, code, complaint, died_of = child:finish()
  return socket.gettime() - begun, said, code, complaint, died_of
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
      local begun = socket.gettime()
      child:kill(process.TERM)
      child:expect("stop\n")
      local took = socket.gettime() - begun
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
