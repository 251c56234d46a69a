-- This library, as the other peers are run: in a process of its own, without pacing, every answer
-- decoded.
--
--     lua trailmark.lua ORIGIN PATH KEY COUNT AT_ONCE
--
-- says the seconds that COUNT requests took and, with one at a time, the microseconds of each.

local core = require "trailmark.core"
local trailmark = require "trailmark"

local origin, path, key, count, at_once = arg[1], arg[2], arg[3], tonumber(arg[4]), tonumber(arg[5])
local tm = assert(trailmark.new {
  base_url = origin, key = key, pace = "off", concurrency = at_once, loop = "blocking",
})

local function one_at_a_time()
  local took = {}
  for i = 1, count do
    local began = core.now()
    local data, err = tm:get(path, "item=" .. i)
    took[i] = ("%.1f"):format((core.now() - began) * 1e6)
    assert(data, err)
  end
  return table.concat(took, " ")
end

local function side_by_side()
  local items = {}
  for i = 1, count do items[i] = i end
  local _, summary = tm:map(items, function(i) return { path = path, query = "item=" .. i } end,
    { keep = "none" })
  assert(summary.done == count and summary.failed == 0)
  return ""
end

for i = 1, 500 do assert(tm:get(path, "item=" .. i)) end -- as the peers do
local began = core.now()
local took = at_once == 1 and one_at_a_time() or side_by_side()
print(("%.6f\n%s"):format(core.now() - began, took))
