--- Many calls in one process: the private resident memory after the first ten thousand and at the
-- end, and the descriptors. 50,000 calls, a million with LONG=1.

local report = require "spec.bench.report"
local run = require "spec.bench.run"
local sandbox = require "trailmark.sandbox"

local LONG = os.getenv("LONG")
local CALLS = LONG and LONG ~= "" and 1000000 or 50000
local GOAL = 1024 -- KiB

local ENDURE = [[
  local trailmark = require "trailmark"
  local tm = assert(trailmark.new { base_url = origin, key = key, pace = "off", concurrency = 64 })
  local items = {}
  for i = 1, 1000 do items[i] = i end

  local function make(i)
    return { method = "GET", path = path, query = "item=" .. i }
  end

  local function check(result)
    if not result.data then error(tostring(result.err)) end
  end

  local function work(thousands)
    for _ = 1, thousands do tm:map(items, make, { keep = "none", on_result = check }) end
  end

  local function descriptors()
    local pipe = io.popen("ls /proc/$PPID/fd | wc -l")
    local count = pipe:read("*n")
    pipe:close()
    return count
  end

  work(10)
  local kib, fds = private_kib(), descriptors()
  work(calls / 1000 - 10)
  local grown = private_kib() - kib
  if descriptors() > fds then error("descriptors were left open") end
  print(grown)
]]

local sb = assert(sandbox.start {})
local origin, path = sb.bench_url:match("^(http://[^/]+)(/.*)$")
local grown = run.code(ENDURE, { origin = origin, path = path, key = sb.key, calls = CALLS })
sb:stop()
print(("%d calls in one process: %d KiB more after the last than after ten thousand"):format(CALLS,
  grown))
report.line("endurance-memory", { math.max(grown, 1) }, { GOAL }, "KiB", "goal")
