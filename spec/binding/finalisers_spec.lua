-- Finalisers come at any allocation, and last of all when the Lua state ends: a call they make disturbs no other,
-- and a client that is collected already is none to crash on.

local process = require "spec.support.process"

-- Before 5.2 tables have none.
local FINALISED = [[
  local function finalised(run)
    local proxy = rawget(_G, "newproxy")
    if not proxy then return setmetatable({}, { __gc = run }) end
    local value = proxy(true)
    getmetatable(value).__gc = run
    return value
  end
]]

describe("a finaliser that makes a call", function()
  -- Under the sanitizers none comes at such a moment.
  if process.is_plain_lua() then
    it("while another is built leaves that one's path and query as they are", function()
      local said, code, complaint = process.lua(FINALISED .. [[
        local tm = require "trailmark".new { key = "tm_live_x", base_url = "http://127.0.0.1:1", pace = "off",
          retries = 0 }
        local armed, amid = false, 0
        -- Lua 5.3 gives what is interrupted the finaliser's name.
        local function within_start()
          local trace = debug.traceback()
          return trace:find("'start'", 1, true) or trace:find("[C]: in metamethod '__gc'", 1, true)
        end
        local function say_goodbye()
          if not armed or not within_start() then return end
          armed = false
          amid = amid + 1
          tm:delete("/sessions/other", { because = "collected" })
          armed = true
        end
        local query = {}
        for i = 1, 40 do query["name" .. i] = i + 0.25 end
        collectgarbage("setpause", 50)
        for i = 1, 4000 do
          if amid >= 10 then break end
          for _ = 1, i % 23 do finalised(say_goodbye) end
          query.name1 = ("x"):rep(i * 61 % 4093) -- so that the collector comes by elsewhere each time
          armed = true
          local _, err = tm:get("/contacts/" .. i, query)
          armed = false
          assert(err.path == "/contacts/" .. i, err)
        end
        io.write(amid >= 10 and "often" or amid)
      ]]):finish()
      assert.same({ "often", 0, "" }, { said, code, complaint })
    end)
  end
end)

describe("a finaliser at the end of the Lua state", function()
  -- What is created first is finalised last: after the client.
  local FIRST = FINALISED .. [[
    local tm
    guard = finalised(function()
      local seen = { pcall(ACTION) }
      io.stdout:write(tostring(seen[1]), " ", tostring(seen[2]))
    end)
    tm = require "trailmark".new { key = "tm_live_x", base_url = "http://127.0.0.1:1", pace = "off", retries = 0,
      on_event = function() end }
    tm:get("/x")
  ]]

  local function at_the_end(action)
    local said, code, complaint = process.lua((FIRST:gsub("ACTION", action))):finish()
    assert.same({ 0, "" }, { code, complaint })
    return said
  end

  it("may close its client", function()
    assert.equal("true nil", at_the_end "tm.close, tm")
  end)

  it("may close a client with calls that have callbacks, whose results are gone: nobody is told", function()
    local said, code, complaint = process.lua(FINALISED .. [[
      local trailmark, tm = require "trailmark", nil -- whose engine is there to the last
      guard = finalised(function()
        tm:close()
        io.write "closed"
      end)
      tm = trailmark.new { key = "tm_live_x", base_url = "http://127.0.0.1:1", pace = "off" }
      for i = 1, 3 do tm:send({ path = "/" .. i }, print) end
    ]]):finish()
    assert.same({ "closed", 0, "" }, { said, code, complaint })
  end)

  for _, action in ipairs { "tm.get, tm, '/x'", "tm.rate, tm", "tm.set_key, tm, 'tm_live_y'", "tm.sleep, tm, 0" } do
    it("is told where it cannot go on: " .. action:match("%a+%.(%a+)"), function()
      assert.matches("^false .*the Lua state ends", at_the_end(action))
    end)
  end
end)
