-- Who waits at the doorbell, and the porter, who does so for callbacks. In processes of their own: the one that
-- runs the specs has no other thread.

local process = require "spec.support.process"
local sandbox = require "trailmark.sandbox"

local PRELUDE = [[
  local core = require "trailmark.core"
  local door_host = require "spec.support.door_host"
  local trailmark = require "trailmark"
  local visitor = require "trailmark.visitor"
  local host = door_host.new()
  local tm = host:client { base_url = os.getenv "SPEC_URL", key = os.getenv "SPEC_KEY" }
  local function number(line) return line:match "^%d+" end
]]

local sb
setup(function() sb = assert(sandbox.start { limit = 1000000, contacts = 30 }) end)
teardown(function() sb:stop() end)

local function run(code)
  local child = process.lua(PRELUDE .. code .. "\nio.write('fine')", { SPEC_URL = sb.url, SPEC_KEY = sb.key })
  finally(function() child:stop() end)
  local said, status, complaint = child:finish()
  assert.same({ "fine", 0, "" }, { said, status, complaint })
end

describe("a visitor", function()
  it("waits at the doorbell for its call, under a number that is used again", function()
    run [[
      -- One or other may have been answered before it was waited for.
      for i = 1, 20 do assert(trailmark.assert(tm:get("/echo", { n = i })).query == "n=" .. i) end
      assert(#host.visits > 1)
      for _, line in ipairs(host.visits) do assert(number(line) == number(host.visits[1])) end
    ]]
  end)

  it("does not wait where it was woken before", function()
    run [[
      tm:get "/echo"
      local visits, me = #host.visits, visitor.new(host.adapter)
      me:wake()
      assert(me:wait() and #host.visits == visits)
    ]]
  end)

  it("wakes at its time", function()
    run [[
      tm:get "/echo"
      local before = core.now()
      tm:sleep(0.05)
      assert(core.now() >= before + 0.05)
      local call = tm:send { path = "/echo" }
      local data, err = call:wait(0)
      assert(data or err.kind == "pending")
      assert(call:wait())
    ]]
  end)

  it("looks from time to time where there is no connection to be had", function()
    run [[
      tm:get "/echo"
      host.closed = true
      for i = 1, 20 do assert(tm:get("/echo", { n = i }).query == "n=" .. i) end
      assert(host.naps > 0)
    ]]
  end)

  it("goes on without a doorbell's error where the host raises one", function()
    run [[
      tm:get "/echo"
      function host.adapter.visit() error("not here", 0) end
      local ok, problem = pcall(tm.get, tm, "/echo")
      assert(not ok and problem == "not here")
    ]]
  end)

  it("takes in what ended for a whole group", function()
    run [[
      local specs = {}
      for i = 1, 50 do specs[i] = { path = "/echo", query = { n = i } } end
      for i, result in ipairs(tm:all(specs)) do assert(result.data.query == "n=" .. i) end
      local count = 0
      local pager = tm:pager("/contacts", nil, { paginate = { per_page = 7 } })
      for items in function() return (pager:next()) end do count = count + #items end
      assert(count == 30)
    ]]
  end)
end)

describe("the porter", function()
  it("runs callbacks in the background of the host, and then leaves", function()
    run [[
      local said = {}
      for i = 1, 5 do
        tm:send({ path = "/echo", query = { n = i } }, function(data) said[i] = data.query end)
      end
      assert(#host.later == 1 and #said == 0)
      host:run_later()
      assert(table.concat(said, " ") == "n=1 n=2 n=3 n=4 n=5")
      assert(#host.later == 0)
      tm:send({ path = "/echo", query = { n = 6 } }, function(data) said[6] = data.query end)
      host:run_later()
      assert(said[6] == "n=6")
    ]]
  end)

  it("tells what goes wrong in one", function()
    run [[
      tm:send({ path = "/echo" }, function() error("of the callback", 0) end)
      host:run_later()
      assert(host.told[1]:find "the callback of GET /v1/echo failed: of the callback")
    ]]
  end)

  it("comes later where the host cannot have it now, or has forgotten it", function()
    run [[
      local said = 0
      host.full = true
      tm:send({ path = "/echo" }, function() said = said + 1 end)
      assert(host.told[1]:find "callbacks cannot be run now: too many timers")
      host.full = false
      tm:send({ path = "/echo" }, function() said = said + 1 end)
      host.later = {}
      core.sleep(1)
      tm:send({ path = "/echo" }, function() said = said + 1 end)
      host:run_later()
      assert(said == 3)
    ]]
  end)

  it("is told of events of calls that nobody waits for", function()
    run [[
      local events = 0
      local watched = host:client { base_url = os.getenv "SPEC_URL", on_event = function() events = events + 1 end }
      watched:send { path = "/echo" }
      host:run_later()
      assert(events == 2)
    ]]
  end)
end)
