--- How every benchmark of the project says its figures: a line for people, and one for machines,
-- `bench NAME ratio=R ours=X peer=Y unit=U`. Less is better in both; a ratio is the peer's figure
-- by ours, so above 1 ours is the better one.

local report = {}

function report.median(values)
  local sorted = {}
  for i, value in ipairs(values) do sorted[i] = value end
  table.sort(sorted)
  local middle = #sorted / 2
  if middle % 1 ~= 0 then return sorted[middle + 0.5] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

local function spread(values)
  local least, most = math.huge, 0
  for _, value in ipairs(values) do
    least, most = math.min(least, value), math.max(most, value)
  end
  return least, most
end

--- `ours` and `peer` hold one value a round, measured one after the other; each round has its own
-- ratio, and medians are told.
---@param name string
---@param ours number[]
---@param peer number[]
---@param unit? string   "us" by default
---@param against? string  what the peer is; "C" by default
function report.line(name, ours, peer, unit, against)
  local ratios = {}
  for round, value in ipairs(ours) do ratios[round] = peer[round] / value end
  local ratio, mine, theirs = report.median(ratios), report.median(ours), report.median(peer)
  local least, most = spread(ratios)
  print(("  %-24s ours %8.1f  %s %8.1f  ratio %.3f (%.3f to %.3f)"):format(name, mine,
    against or "C", theirs, ratio, least, most))
  print(("bench %s ratio=%.3f ours=%.2f peer=%.2f unit=%s"):format(name, ratio, mine, theirs,
    unit or "us"))
end

return report
