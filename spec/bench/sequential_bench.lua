--- One call at a time on a kept-alive loopback connection, beside a C program that reuses one easy
-- handle of libcurl's. Ours decodes every answer into a table, the C program does not.
--
-- The two take turns in one run; each round's ratio is of neighbours in time, and medians are
-- printed.

local core = require "trailmark.core"
local report = require "spec.bench.report"
local run = require "spec.bench.run"
local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 9
local CALLS = tonumber(os.getenv("CALLS")) or 4000

local sb = assert(sandbox.start {})
local origin, path = sb.bench_url:match("^(http://[^/]+)(/.*)$")
-- Unpaced, as the peer is.
local tm = trailmark.assert(trailmark.new { base_url = origin, key = sb.key, pace = "off" })

local function peer()
  return run.program("sequential", sb.bench_url, sb.key, CALLS) / CALLS * 1e6
end

local function ours(opts)
  local began = core.now()
  for _ = 1, CALLS do
    local data, err = tm:get(path, nil, opts)
    if not data then error(tostring(err)) end
  end
  return (core.now() - began) / CALLS * 1e6
end

local BYTES = { decode = false }
ours(nil)
local decoded, bytes, theirs = {}, {}, {}
for round = 1, ROUNDS do
  theirs[round] = peer()
  decoded[round] = ours(nil)
  bytes[round] = ours(BYTES)
end
tm:close()
sb:stop()

print(("One GET at a time, %d calls a round, %d rounds; microseconds a call (median)"):format(CALLS,
  ROUNDS))
report.line("sequential-get-decoded", decoded, theirs)
report.line("sequential-get-bytes", bytes, theirs)
