--- How every benchmark of the project says its figures: a line for people, and one for machines,
-- `bench NAME ratio=R ours=X peer=Y unit=U`. A ratio above 1 means that ours is the faster.

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

--- `ratios`, `ours` and `peer` hold one value a round; times are in seconds.
function report.line(name, ratios, ours, peer)
  local ratio, mine, theirs = report.median(ratios), report.median(ours), report.median(peer)
  local least, most = spread(ratios)
  print(("  %-24s ours %7.1f  C %7.1f  ratio %.3f (%.3f to %.3f)"):format(name, mine * 1e6,
    theirs * 1e6, ratio, least, most))
  print(("bench %s ratio=%.3f ours=%.2f peer=%.2f unit=us"):format(name, ratio, mine * 1e6,
    theirs * 1e6))
end

return report
