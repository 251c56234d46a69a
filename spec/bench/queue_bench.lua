--- What waiting in line costs: the time of a call with 10,000 queued against one with 100 queued,
-- and the memory of a queued call beyond its own body.
--
-- Memory is the growth of the process's private resident memory by 10,000 calls that are sent and
-- held, and have not begun: everything of the call is in it, on the Lua side and on the C side.

local core = require "trailmark.core"
local report = require "spec.bench.report"
local run = require "spec.bench.run"
local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 7
local MANY, FEW = 10000, 100
local GOAL = 1024 -- bytes

-- Time --------------------------------------------------------------------------------------------

local sb = assert(sandbox.start {})
local origin, path = sb.bench_url:match("^(http://[^/]+)(/.*)$")
local tm = trailmark.assert(trailmark.new { base_url = origin, key = sb.key, pace = "off" })

local function send_and_wait(count)
  local calls = {}
  for i = 1, count do calls[i] = tm:send { method = "GET", path = path } end
  for i = 1, count do
    local data, err = calls[i]:wait()
    if not data then error(tostring(err)) end
  end
end

--- Microseconds a call, of MANY calls.
local function time(queued)
  collectgarbage()
  local began = core.now()
  for _ = 1, MANY / queued do send_and_wait(queued) end
  return (core.now() - began) / MANY * 1e6
end

send_and_wait(MANY)
local few, many = {}, {}
for round = 1, ROUNDS do few[round], many[round] = time(FEW), time(MANY) end
tm:close()
sb:stop()
print(("A call with %d queued, and with %d; microseconds (the goal: a ratio of 0.833 at least)")
  :format(MANY, FEW))
report.line("queue-time", many, few, "us", "few")

-- Memory ------------------------------------------------------------------------------------------

local HOLD = [[
  local trailmark = require "trailmark"
  local tm = assert(trailmark.new {
    base_url = "http://127.0.0.1:9", key = "tm_live_0123456789abcdef0123456789abcdef",
  })
  local body = size > 0 and ("x"):rep(size) or nil
  local function send()
    return tm:send {
      method = method, path = "/contacts", body = body, content_type = body and "text/plain",
    }
  end
  local calls = { send() }
  for i = 2, count do calls[i] = false end
  local before = private_kib()
  for i = 2, count do calls[i] = send() end
  print((private_kib() - before) * 1024 / (count - 1) - size)
  io.stdout:flush()
  os.exit(0, false)
]]

local function bytes(method, size)
  local costs, goal = {}, {}
  for round = 1, 5 do
    costs[round] = run.code(HOLD, { method = method, size = size, count = MANY })
    goal[round] = GOAL
  end
  return costs, goal
end

print("Bytes that a queued call costs beyond its body (the peer is the goal)")
local get, goal = bytes("GET", 0)
report.line("queued-get", get, goal, "B", "goal")
local post = bytes("POST", 2000)
report.line("queued-post", post, goal, "B", "goal")
