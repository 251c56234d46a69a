-- copas, the real one.

local gate_server = require "spec.support.gate_server"
local process = require "spec.support.process"
local suites = require "spec.support.loops.suite"

-- Debian has copas 1.2, for these; a newer one may be here for the others.
local has_copas = _VERSION == "Lua 5.1" or _VERSION == "Lua 5.2" or package.searchpath("copas", package.path)

describe("a call in copas", has_copas and function()
  local suite = suites.new(function(environment)
    return process.lua([[require "spec.support.loops.run" "copas"]], environment)
  end)
  setup(suite.run)
  for _, name in ipairs(suite.names) do it(name, function() suite.check(name) end) end
end or function() end)

describe("copas", has_copas and function()
  local gate
  before_each(function() gate = gate_server.start() end)
  after_each(function() gate:stop() end)

  it("is told of errors in threads and callbacks, and goes on", function()
    local said, status, complaint = process.lua([[
      local copas = require "copas"
      local tm = require "trailmark".new {
        key = "tm_live_x", base_url = os.getenv "TRAIL_GATE", pace = "off", retries = 0, loop = "copas",
      }
      local ended = false
      copas.addthread(function()
        copas.addthread(function() tm:get "/a" error("in a thread", 0) end)
        tm:send({ path = "/b" }, function() error("in a callback", 0) end)
        tm:sleep(0.1)
        assert(tm:get "/c")
        ended = true
      end)
      repeat copas.step(0.02) until ended
    ]], { TRAIL_GATE = gate.url }):finish()
    assert.same({ 0, "" }, { status, complaint })
    assert.matches("in a thread", said)
    assert.matches("in a callback", said)
  end)

  -- Before 3.0 there is no such thing.
  local can_remove = process.lua [[print(require "copas".removethread ~= nil)]]:finish() == "true\n"

  local it_or_not = can_remove and it or function() end
  it_or_not("may have a thread removed that waits: the loop comes to its end", function()
    local said, status, complaint = process.lua([[
      local copas = require "copas"
      local gate = require "spec.support.gate_server".attach(os.getenv "TRAIL_GATE")
      local tm = require "trailmark".new {
        key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0, loop = "copas",
      }
      local waiting = copas.addthread(function() tm:get "/hold" print "went on" end)
      copas.addthread(function()
        while #gate:held() ~= 1 do copas.pause(0.002) end
        copas.removethread(waiting)
        gate:release()
      end)
      copas.loop()
      print "ended"
    ]], { TRAIL_GATE = gate.url }):finish()
    assert.same({ "ended\n", 0, "" }, { said, status, complaint })
  end)
end or function() end)
