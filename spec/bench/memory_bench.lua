--- Private resident memory of an idle client, above a Lua that has loaded lua-cjson and libcurl:
-- what the library itself costs a program that does nothing with it yet. Pages of shared libraries,
-- which processes share, are left out; core.so has about 130 KiB of them.

local report = require "spec.bench.report"
local run = require "spec.bench.run"

local ROUNDS = 7

local PEER = [[
  require "cjson"
  assert(package.loadlib("libcurl.so.4", "*"))
  print(private_kib())
]]

local OURS = [[
  local trailmark = require "trailmark"
  tm = assert(trailmark.new { key = "tm_live_0123456789abcdef0123456789abcdef" })
  print(private_kib())
]]

local ours, peer = {}, {}
for round = 1, ROUNDS do
  peer[round], ours[round] = run.code(PEER), run.code(OURS)
end
local mine, theirs = report.median(ours), report.median(peer)
local line = "An idle client: %d KiB of private memory, %d KiB above lua-cjson and libcurl"
print(line:format(mine, mine - theirs))
report.line("idle-client", ours, peer, "KiB", "both")
