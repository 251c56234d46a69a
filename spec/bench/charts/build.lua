-- The report of the benchmarks: charts measured here, and a table of what the benchmarks have said.
--
--     lua spec/bench/charts/build.lua FOLDER
--
-- reads FOLDER/*.txt, what each benchmark printed, and writes FOLDER/index.html and the charts.

local measure = require "spec.bench.charts.measure"
local svg = require "spec.bench.charts.svg"
local table_of = require "spec.bench.charts.table"

local folder = arg[1]

local COLORS = {
  trailmark = "#0b62a8", ["libcurl in C"] = "#6b7885", ["lua-curl"] = "#a5b0ba",
  ["lua-http"] = "#cf8a1c", LuaSocket = "#d9b44a", requests = "#3d9163", fetch = "#8e5aa8",
}

local function painted(row)
  row.color, row.bold = COLORS[row.name] or row.color or "#6b7885", row.name == "trailmark"
  return row
end

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
  assert(file:close())
end

-- The charts --------------------------------------------------------------------------------------

local AT_ONCE = { [1] = "one request at a time", [16] = "16 in flight", [64] = "64 in flight" }

local function throughput_chart(throughput)
  local groups = {}
  for i, group in ipairs(throughput) do
    for _, row in ipairs(group.rows) do painted(row) end
    table.sort(group.rows, function(a, b) return a.value > b.value end)
    groups[i] = { name = AT_ONCE[group.at_once], bars = group.rows }
  end
  return svg.bars { title = "Throughput: more is better",
    subtitle = "GETs a second of a small JSON document over HTTP/1.1 on loopback; median of the"
      .. " rounds, and their spread", groups = groups }
end

local function latency_chart(latency)
  for _, row in ipairs(latency) do
    painted(row)
    local told = {}
    for i, value in ipairs(row.values) do told[i] = svg.number(value) end
    row.told = table.concat(told, " / ")
  end
  table.sort(latency, function(a, b) return a.values[1] < b.values[1] end)
  return svg.percentiles { title = "Latency: less is better", unit = "microseconds a request",
    subtitle = "one GET at a time: the median (full dot), the 90th and the 99th percentile of all"
      .. " requests", rows = latency }
end

local function memory_chart(memory)
  for _, series in ipairs(memory) do
    painted(series).dots = true
    for _, point in ipairs(series.points) do point[2] = point[2] / 1024 end
  end
  return svg.lines { title = "Memory of calls in flight: less is better", series = memory,
    unit_x = "calls in flight",
    subtitle = "MiB by which private resident memory grows, each call waiting for its answer" }
end

local function pacing_chart(pacing)
  pacing[1].color, pacing[2].color = COLORS.trailmark, "#cf8a1c"
  pacing[1].bold = true
  for _, series in ipairs(pacing) do
    series.name = ("%s: %d refused"):format(series.name, series.refused)
    series.steps = true
  end
  return svg.lines { title = "Pacing: below the limit, window after window", series = pacing,
    unit_x = "seconds",
    limit = { value = measure.limit, name = ("limit: %d in %d s"):format(measure.limit,
      measure.window) },
    subtitle = "requests of the window that are used, as each answer tells, while calls are made"
      .. " without a pause" }
end

-- The page ----------------------------------------------------------------------------------------

local PAGE = [[
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>trailmark: benchmarks</title>
<meta name="viewport" content="width=device-width"><style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2733; background: #eef1f4; margin: 0; }
main { max-width: 56rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
svg, table { background: #fff; border-radius: 8px; display: block; width: 100%%; height: auto; }
svg, table { margin: 1rem 0 2rem; box-shadow: 0 1px 3px #0002; }
table { border-collapse: collapse; } td, th { padding: .4rem 1rem; text-align: left;
  border-top: 1px solid #dfe4ea; } th { border: 0; font-size: .8rem; color: #5d6b7a; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.good { color: #1f7a45; } .bad { color: #c8372d; }
</style></head><body><main><h1>trailmark: benchmarks</h1>
%s
</main></body></html>
]]

local function machine_table(machine)
  local rows = {}
  for i, row in ipairs(machine) do
    rows[i] = ("<tr><td>%s</td><td>%s</td></tr>"):format(row[1], row[2])
  end
  return "<h2>Machine and versions</h2><table>" .. table.concat(rows, "\n") .. "</table>"
end

local throughput, latency = measure.clients()
local charts = {
  { "throughput.svg", throughput_chart(throughput) },
  { "latency.svg", latency_chart(latency) },
  { "memory.svg", memory_chart(measure.memory()) },
  { "pacing.svg", pacing_chart(measure.pacing()) },
}
local pieces = {}
for i, chart in ipairs(charts) do
  write(chart[1], chart[2])
  pieces[i] = chart[2]
end
pieces[#pieces + 1] = table_of.html(table_of.read(folder))
pieces[#pieces + 1] = machine_table(measure.machine())
write("index.html", PAGE:format(table.concat(pieces, "\n")))
print(folder .. "/index.html")
