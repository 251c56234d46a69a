--- The memory of 1,000 calls in flight, beside that of as many easy handles of libcurl's.

local flight = require "spec.bench.flight"
local report = require "spec.bench.report"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 5
local COUNT = 1000

local ours, peer = {}, {}
for round = 1, ROUNDS do peer[round], ours[round] = flight.libcurl(COUNT), flight.ours(COUNT) end
print(("KiB of private memory that %d calls in flight cost (the goal: a ratio of 0.8 at least)")
  :format(COUNT))
report.line("in-flight-memory", ours, peer, "KiB")
