--- One call at a time on a kept-alive loopback connection, beside a C program that reuses one easy
-- handle of libcurl's. Ours decodes every answer into a table, the C program does not.
--
-- The two take turns in one run; each round's ratio is of neighbours in time, and medians are
-- printed.

local core = require "trailmark.core"
local report = require "spec.bench.report"
local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 9
local CALLS = tonumber(os.getenv("CALLS")) or 4000

local sb = assert(sandbox.start {})
local origin, path = sb.bench_url:match("^(http://[^/]+)(/.*)$")
-- Unpaced: the peer is, and the constant location tells no rate limit.
local tm = trailmark.assert(trailmark.new { base_url = origin, key = sb.key, pace = "off" })

local function peer()
  local program = os.getenv("TRAIL_BENCH_PROGRAMS") .. "/sequential"
  local pipe = assert(io.popen(("%s %s %s %d"):format(program, sb.bench_url, sb.key, CALLS)))
  local seconds = pipe:read("*n")
  pipe:close()
  return assert(seconds, "the C program failed") / CALLS
end

local function ours(opts)
  local began = core.now()
  for _ = 1, CALLS do
    local data, err = tm:get(path, nil, opts)
    if not data then error(tostring(err)) end
  end
  return (core.now() - began) / CALLS
end

local BYTES = { decode = false }
ours(nil)
local decoded, bytes, theirs, ratios, byte_ratios = {}, {}, {}, {}, {}
for round = 1, ROUNDS do
  theirs[round] = peer()
  decoded[round] = ours(nil)
  bytes[round] = ours(BYTES)
  ratios[round] = theirs[round] / decoded[round]
  byte_ratios[round] = theirs[round] / bytes[round]
end
tm:close()
sb:stop()

print(("One GET at a time, %d calls a round, %d rounds; microseconds a call (median)"):format(CALLS,
  ROUNDS))
report.line("sequential-get-decoded", ratios, decoded, theirs)
report.line("sequential-get-bytes", byte_ratios, bytes, theirs)
