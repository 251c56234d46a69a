-- The adapter for HAProxy, beside a stand-in for that. What it does in the real one: spec/haproxy.

local process = require "spec.support.process"

local STAND_IN = [[
  local log = {}
  core = {
    register_task = function() end, register_fetches = function() end,
    register_converters = function() end,
    err = 3, notice = 5, debug = 7, log = function(level, line) log[#log + 1] = level .. " " .. line end,
  }
  local loop = require "trailmark.loop"
]]

local function run(code)
  local child = process.lua(STAND_IN .. code .. "\nio.write('fine')")
  finally(function() child:stop() end)
  local said, status, complaint = child:finish()
  assert.same({ "fine", 0, "" }, { said, status, complaint })
end

describe("loop.haproxy", function()
  it("is found by the global core", function()
    run [[
      assert(loop.home "auto" == require "trailmark.loop.haproxy")
      assert(loop.loses_files "auto" and not loop.loses_files "blocking")
      core.register_task = nil
      assert(loop.home "auto" == nil)
      core = "something else"
      assert(loop.home "auto" == nil)
    ]]
  end)

  it("begins nothing while HAProxy loads Lua", function()
    run [[
      local adapter, _, refusal = loop.here "auto"
      assert(adapter == nil and refusal:find "HAProxy has no workers yet while it loads Lua")
      assert(loop.refusal "auto" == refusal)
    ]]
  end)

  it("waits in no coroutine but HAProxy's own", function()
    run [[
      local adapter, _, refusal
      coroutine.wrap(function() adapter, _, refusal = loop.here "auto" end)()
      assert(adapter == nil and refusal:find "HAProxy resumes its own coroutines alone")
      coroutine.wrap(function() assert(loop.refusal "auto" == nil) end)()
    ]]
  end)

  it("writes to HAProxy's log", function()
    run [[
      loop.log("auto", "info", "one")
      loop.log("auto", "debug", "two")
      loop.home("auto").report "three"
      assert(table.concat(log, "|") == "5 trailmark: one|7 trailmark: two|3 three")
    ]]
  end)
end)
