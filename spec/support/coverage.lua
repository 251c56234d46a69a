-- Which lines of csrc/ have run, file by file: `make coverage` leaves the counts of gcc's below its
-- build, gcov reads them, and here is the table and the verdict.
--
--     lua5.4 spec/support/coverage.lua BUILD
--
-- fails when a file has less than its layer's target. What is missing is named by its lines.

local cjson = require "cjson"

-- What reads what others wrote has to be run to the last line.
local PARSERS = { ["net/origin"] = true }
for name in ("credential facts field head http_date json_mark json_number json_order json_text "
  .. "link method target uuid"):gmatch("%S+") do
  PARSERS["policy/" .. name] = true
end

local function target_of(file)
  local layer, name = file:match("^csrc/(%w+)/([%w_]+)%.[ch]$")
  if PARSERS[layer .. "/" .. name] then return 100 end
  return (layer == "policy" or layer == "engine") and 95 or 90
end

-- Reading -----------------------------------------------------------------------------------------

local function lines_of(command)
  local pipe, list = assert(io.popen(command)), {}
  for line in pipe:lines() do list[#list + 1] = line end
  assert(pipe:close(), command)
  return list
end

--- A header's lines run in each file that includes it: one run is enough.
local function add(files, file)
  local name = file.file:match("csrc/%w+/[%w_]+%.[ch]$")
  if not name then return end
  local lines = files[name] or {}
  files[name] = lines
  for _, line in ipairs(file.lines) do
    lines[line.line_number] = math.max(lines[line.line_number] or 0, line.count)
  end
end

local function read(build)
  local files = {}
  for _, object in ipairs(lines_of(("find '%s' -path '*csrc*' -name '*.gcno'"):format(build))) do
    for _, text in ipairs(lines_of(("gcov --json-format --stdout '%s'"):format(object))) do
      for _, file in ipairs(cjson.decode(text).files) do add(files, file) end
    end
  end
  return files
end

-- Telling -----------------------------------------------------------------------------------------

--- "3-5, 9": lines that lie next to each other, but for those without code, are one range.
local function ranges(numbers, ran)
  local list, i = {}, 1
  while i <= #numbers do
    local last = i
    while last < #numbers and not ran(numbers[last], numbers[last + 1]) do last = last + 1 end
    list[#list + 1] = last == i and ("%.0f"):format(numbers[i])
      or ("%.0f-%.0f"):format(numbers[i], numbers[last])
    i = last + 1
  end
  return table.concat(list, ", ")
end

local function measure(lines)
  local count, missing = 0, {}
  for number, runs in pairs(lines) do
    count = count + 1
    if runs == 0 then missing[#missing + 1] = number end
  end
  table.sort(missing)
  local function ran(from, to)
    for number = from + 1, to - 1 do
      if (lines[number] or 0) > 0 then return true end
    end
    return false
  end
  return count, count - #missing, ranges(missing, ran)
end

local files, names = read(assert(arg[1], "which build?")), {}
for name in pairs(files) do names[#names + 1] = name end
table.sort(names)
assert(#names > 0, "nothing has run")

local below, all, run, layers = 0, 0, 0, {}

--- A row more of what a layer's files have in common.
local function add_to_layer(layer, name, count, ran)
  local row = layers[layer]
  if not row then
    row = { name = layer, files = 0, count = 0, ran = 0, least = 2 }
    layers[layer], layers[#layers + 1] = row, row
  end
  row.files, row.count, row.ran = row.files + 1, row.count + count, row.ran + ran
  if ran / count < row.least then row.least, row.lowest = ran / count, name:match "[^/]+$" end
end

print(("%-32s %5s %8s %7s  %s"):format("file", "lines", "run", "target", "not run"))
for _, name in ipairs(names) do
  local count, ran, missing = measure(files[name])
  local target = target_of(name)
  local short = ran * 100 < target * count
  local layer = target == 100 and "parsers (csrc/policy, origin.c)" or name:match "^csrc/%w+"
  add_to_layer(layer, name, count, ran)
  all, run, below = all + count, run + ran, below + (short and 1 or 0)
  print(("%-32s %5d %7.2f%% %6d%%%s %s"):format(name, count, ran * 100 / count, target,
    short and "!" or " ", missing))
end
-- A file that was not compiled with counters is not in any of this.
for _, name in ipairs(lines_of "ls csrc/*/*.c") do
  if not files[name] then
    below = below + 1
    print(("%-32s was not counted!"):format(name))
  end
end
print(("\n%-32s %5s %8s %7s  %s"):format("of", "lines", "run", "files", "lowest file"))
for _, row in ipairs(layers) do
  print(("%-32s %5d %7.2f%% %7d  %s"):format(row.name, row.count, row.ran * 100 / row.count,
    row.files, row.least == 1 and "" or ("%.2f%% %s"):format(row.least * 100, row.lowest)))
end
print(("%-32s %5d %7.2f%%"):format(("%d files"):format(#names), all, run * 100 / all))
print(below == 0 and "every file has its target" or ("%d below their target (!)"):format(below))
os.exit(below == 0)
