--- Private resident memory (RssAnon) of an idle client, above a Lua that has loaded lua-cjson and
-- libcurl: what the library itself costs a program that does nothing with it yet. Pages of shared
-- libraries, which processes share, are left out; core.so has about 130 KiB of them.

local report = require "spec.bench.report"

local ROUNDS = 7

local MEASURE = [[
  collectgarbage() collectgarbage()
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^RssAnon:%s+(%d+)")
    if kb then print(kb) end
  end
]]

local PEER = [[
  require "cjson"
  assert(package.loadlib("libcurl.so.4", "*"))
]]

local OURS = [[
  local trailmark = require "trailmark"
  tm = assert(trailmark.new { key = "tm_live_0123456789abcdef0123456789abcdef" })
]]

local function kilobytes(code)
  local lua = os.getenv("TRAIL_LUA") or "lua"
  local pipe = assert(io.popen(("%s -e '%s'"):format(lua, code .. MEASURE)))
  local kb = pipe:read("*n")
  pipe:close()
  return assert(kb, "the measured process failed")
end

local ours, peer, ratios = {}, {}, {}
for round = 1, ROUNDS do
  peer[round], ours[round] = kilobytes(PEER), kilobytes(OURS)
  ratios[round] = peer[round] / ours[round]
end
local mine, theirs = report.median(ours), report.median(peer)
local line = "An idle client: %d KiB of private memory, %d KiB above lua-cjson and libcurl"
print(line:format(mine, mine - theirs))
print(("bench idle-client ratio=%.3f ours=%d peer=%d unit=KiB"):format(report.median(ratios), mine,
  theirs))
