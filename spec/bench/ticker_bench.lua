--- What 200 calls of 100 ms each, made at once, do to the loop that they are made in: how long they
-- take together, and how late a ticker of 10 ms in the same loop is, against a run without calls.

local report = require "spec.bench.report"
local sandbox = require "trailmark.sandbox"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 5
local TURNS = 5      -- of 200 calls in each process; in the first each of them connects
local GOAL_TIME = 1  -- seconds
local GOAL_LATE = 5  -- milliseconds, at the 99th percentile, beyond those without calls

local LUA = os.getenv("TRAIL_LUA") or "lua"

local function in_lua(name)
  return ([[%s -e 'require "spec.support.loops.ticker"("%s", %d)']]):format(LUA, name, TURNS)
end

-- Its Lua is LuaJIT, with modules in C of its own.
local function in_neovim()
  local code = ([[lua require "spec.support.loops.ticker"("neovim", %d)]]):format(TURNS)
  return ("env LUA_CPATH='build/luajit/?.so;;' nvim --headless --clean -c '%s' -c 'qall!'")
    :format(code)
end

local function measure(sb, command)
  local pipe = assert(io.popen("ulimit -n 8192; " .. sb:env() .. "timeout 60 " .. command))
  local first, worst, alone, beside = pipe:read("*n", "*n", "*n", "*n")
  pipe:close()
  assert(beside, "failed: " .. command)
  return math.max(first, worst), alone, beside
end

local sb = assert(sandbox.start { limit = 1000000, contacts = 1 })
sb:script { { match = "GET /contacts/*", delay = 0.1, times = 1000000 } }

print("200 calls of 100 ms at once, s (the goal: 1); and the 99th percentile of a ticker's lateness"
  .. " beside them, ms (the goal: 5 more than without)")
for _, host in ipairs { "neovim", "cqueues", "luv" } do
  local command = host == "neovim" and in_neovim() or in_lua(host)
  local took, late, goal_time, goal_late = {}, {}, {}, {}
  for round = 1, ROUNDS do
    local alone
    took[round], alone, late[round] = measure(sb, command)
    goal_time[round], goal_late[round] = GOAL_TIME, alone + GOAL_LATE
  end
  report.line("ticker-" .. host .. "-time", took, goal_time, "s", "goal")
  report.line("ticker-" .. host .. "-late", late, goal_late, "ms", "goal")
end
sb:stop()
