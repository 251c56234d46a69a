-- Many calls at once leave a loop its time: 200 of 100 ms each, and a ticker of 10 ms beside them. What is judged is
-- the time that this process itself kept the ticker waiting; `make bench BENCH=ticker` tells all of it.

local process = require "spec.support.process"
local sandbox = require "trailmark.sandbox"
local tmp = require "spec.support.tmp"

local is_plain = process.is_plain_lua()
local LATEST = is_plain and 15 or 60 -- milliseconds; the sanitizers take their time
local ROUNDS = 3

describe("beside 200 calls", function()
  local sb, script

  setup(function()
    sb = assert(sandbox.start { limit = 1000000, contacts = 1 })
    sb:script { { match = "GET /contacts/*", delay = 0.1, times = 1000000 } }
  end)
  teardown(function()
    sb:stop()
    if script then os.remove(script) end
  end)

  local function check(launch)
    local said, status, complaint =
      launch({ TRAILMARK_API_KEY = sb.key, TRAILMARK_BASE_URL = sb.url }):finish()
    assert.same({ 0, "" }, { status, complaint })
    local first, worst, own = said:match "^(%S+) (%S+) %S+ %S+ (%S+)\n"
    assert.is_true(tonumber(first) >= 0.1 and tonumber(worst) < 3, said)
    assert.is_true(tonumber(own) < LATEST, said)
  end

  for _, name in ipairs { "cqueues", "luv" } do
    it("a ticker of " .. name .. " is on time", function()
      check(function(environment)
        return process.lua(([[require "spec.support.loops.ticker" (%q, %d)]]):format(name, ROUNDS), environment)
      end)
    end)
  end

  -- Neovim's Lua is LuaJIT, and it does not load the sanitizers.
  if rawget(_G, "jit") and is_plain then
    it("a ticker of Neovim is on time", function()
      script = tmp.file(([[require "spec.support.loops.ticker" ("neovim", %d)]]):format(ROUNDS))
      check(function(environment)
        environment.LUA_PATH, environment.LUA_CPATH = package.path, package.cpath
        return process.program({ "nvim", "--headless", "--clean", "-c", "luafile " .. script, "-c", "qall!" },
          environment)
      end)
    end)
  end
end)
