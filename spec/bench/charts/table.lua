--- What the benchmarks said (see bench/report.lua), as one table.

local printed = {}

-- The line for people, which has the spread, comes before the one for machines.
local SPREAD = "^  (%S+) .* ratio [%d.]+ %(([%d.]+) to ([%d.]+)%)"
local LINE = "^bench (%S+) ratio=([%d.]+) ours=([%d.]+) peer=([%d.]+) unit=(%S+)"

--- The figures of a text.
---@param text string
---@return table[]  { name, ratio, ours, peer, unit, low, high }
function printed.parse(text)
  local list, spread = {}, {}
  for line in text:gmatch "[^\n]+" do
    local name, low, high = line:match(SPREAD)
    if name then spread[name] = { tonumber(low), tonumber(high) } end
    local of, ratio, ours, peer, unit = line:match(LINE)
    if of then
      local between = spread[of] or {}
      list[#list + 1] = { name = of, ratio = tonumber(ratio), ours = tonumber(ours),
        peer = tonumber(peer), unit = unit, low = between[1], high = between[2] }
    end
  end
  return list
end

--- The figures of all files of a folder.
---@param folder string
---@return table[]
function printed.read(folder)
  local list = {}
  local pipe = io.popen(("cat '%s'/*.txt 2>/dev/null"):format(folder))
  for _, row in ipairs(printed.parse(pipe:read "*a")) do list[#list + 1] = row end
  pipe:close()
  return list
end

local function cell(text) return '<td class="number">' .. text .. "</td>" end

--- A table of HTML. Where ours is the better one the ratio is green.
---@param rows table[]
---@return string
function printed.html(rows)
  local pieces = { "<h2>All benchmarks</h2>",
    "<p>Medians; less is better in both columns, and a ratio (the peer's figure by ours, with its"
      .. " spread over the rounds) above 1 says that ours is the better one.</p>",
    "<table><tr><th>benchmark</th><th class=\"number\">ours</th><th class=\"number\">peer</th>"
      .. "<th>unit</th><th class=\"number\">ratio</th><th class=\"number\">spread</th></tr>" }
  for _, row in ipairs(rows) do
    pieces[#pieces + 1] = ("<tr><td>%s</td>%s%s<td>%s</td>%s%s</tr>"):format(row.name,
      cell(("%.1f"):format(row.ours)), cell(("%.1f"):format(row.peer)), row.unit,
      ('<td class="number %s">%.2f</td>'):format(row.ratio >= 1 and "good" or "bad", row.ratio),
      cell(row.low and ("%.2f to %.2f"):format(row.low, row.high) or ""))
  end
  pieces[#pieces + 1] = "</table>"
  return table.concat(pieces, "\n")
end

return printed
