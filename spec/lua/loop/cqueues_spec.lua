-- cqueues, the real one.

local gate_server = require "spec.support.gate_server"
local place = require "trailmark.place"
local process = require "spec.support.process"
local suites = require "spec.support.loops.suite"

local suite = suites.new(function(environment)
  return process.lua([[require "spec.support.loops.run" "cqueues"]], environment)
end)

describe("a call in cqueues", function()
  setup(suite.run)
  for _, name in ipairs(suite.names) do it(name, function() suite.check(name) end) end
end)

describe("cqueues", function()
  local gate
  before_each(function() gate = gate_server.start() end)
  after_each(function() gate:stop() end)

  local PRELUDE = [[
    local cqueues = require "cqueues"
    local gate = require "spec.support.gate_server".attach(os.getenv "TRAIL_GATE")
    local tm = require "trailmark".new {
      key = "tm_live_x", base_url = gate.url, pace = "off", retries = 0,
    }
    local function await(count)
      while #gate:held() ~= count do cqueues.sleep(0.002) end
    end
    local controller = cqueues.new()
  ]]

  local function says(expected, code)
    local said, status, complaint = process.lua(PRELUDE .. code, { TRAIL_GATE = gate.url }):finish()
    assert.same({ expected .. "\n", 0, "" }, { said, status, complaint })
  end

  it("is told of errors in coroutines and callbacks, and goes on", function()
    local named = place.YIELDS_IN_PCALL and "trailmark: the callback of GET /b failed: " or ""
    says("in a coroutine; " .. named .. "in a callback; /c", [[
      local said = {}
      controller:wrap(function()
        tm:get "/a"
        error("in a coroutine", 0)
      end)
      for err in controller:errors() do said[#said + 1] = tostring(err) end
      controller:wrap(function()
        tm:send({ path = "/b" }, function() error("in a callback", 0) end)
      end)
      for err in controller:errors() do said[#said + 1] = tostring(err) end
      controller:wrap(function() said[#said + 1] = tm:get("/c").path end)
      assert(controller:loop(20))
      print(table.concat(said, "; "))
    ]])
  end)

  it("may have a controller inside of another, and a generator inside of both", function()
    says("/hold/1 /hold/2 /3", [[
      local said = {}
      controller:wrap(function()
        local inner = cqueues.new()
        inner:wrap(function() said[1] = tm:get("/hold/1").path end)
        assert(inner:loop(20) and inner:empty())
        local generate = coroutine.wrap(function() coroutine.yield(tm:get("/3").path) end)
        said[3] = generate()
      end)
      controller:wrap(function() said[2] = tm:get("/hold/2").path end)
      controller:wrap(function()
        await(2)
        gate:release()
      end)
      assert(controller:loop(20) and controller:empty())
      print(table.concat(said, " "))
    ]])
  end)

  it("may have two controllers that run by turns", function()
    says("10\t10", [[
      local other, done = cqueues.new(), { 0, 0 }
      for i, one in ipairs { controller, other } do
        for j = 1, 10 do
          one:wrap(function()
            assert(tm:get("/" .. i .. "/" .. j))
            done[i] = done[i] + 1
          end)
        end
      end
      repeat
        assert(controller:step(0.001))
        assert(other:step(0.001))
      until controller:empty() and other:empty()
      print(done[1], done[2])
    ]])
  end)

  it("may drop a controller with calls under way: another one goes on", function()
    says("/a /b", [[
      local dropped = cqueues.new()
      dropped:wrap(function() tm:get "/hold" end)
      while #gate:held() ~= 1 do assert(dropped:step(0.002)) end
      dropped:close()
      dropped = nil
      collectgarbage()
      collectgarbage()
      local said = {}
      controller:wrap(function()
        said[1] = tm:get("/a").path
        gate:release()
        said[2] = tm:get("/b").path
      end)
      assert(controller:loop(20) and controller:empty())
      print(table.concat(said, " "))
    ]])
  end)
end)
