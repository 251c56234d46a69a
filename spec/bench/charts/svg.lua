--- Charts as SVG, to be read at a glance: few lines, values beside what they belong to, one colour
-- for each client everywhere.

local svg = {}

local WIDTH = 860
local LEFT, RIGHT = 150, 40 -- where the plot begins, and the room behind it
local INK, FAINT, LINE = "#1d2733", "#5d6b7a", "#dfe4ea"

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text) return (tostring(text):gsub('[&<>"]', ENTITIES)) end

--- A number as people write it: 12,345 or 3.4.
---@param value number
---@return string
function svg.number(value)
  if value < 10 and value % 1 ~= 0 then return ("%.1f"):format(value) end
  local digits = ("%.0f"):format(value)
  return (digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

--- Round values from 0 to at least `most`, about five of them.
---@param most number
---@return number[]
function svg.ticks(most)
  local step = 10 ^ math.floor(math.log(most / 4) / math.log(10))
  for _, factor in ipairs { 1, 2, 2.5, 5, 10 } do
    if most / (step * factor) <= 5 then
      step = step * factor
      break
    end
  end
  local list = {}
  for i = 0, math.ceil(most / step - 1e-9) do list[i + 1] = i * step end
  return list
end

-- Drawing -----------------------------------------------------------------------------------------

local Canvas = {}
Canvas.__index = Canvas

local function canvas(title, subtitle)
  local self = setmetatable({ pieces = {}, height = 62 }, Canvas)
  self:text(20, 28, title, { size = 18, weight = 700 })
  self:text(20, 48, subtitle, { color = FAINT })
  return self
end

function Canvas:add(pattern, ...) self.pieces[#self.pieces + 1] = pattern:format(...) end

function Canvas:text(x, y, text, how)
  how = how or {}
  self:add('<text x="%.1f" y="%.1f" font-size="%d" font-weight="%d" fill="%s" text-anchor="%s">%s'
    .. "</text>", x, y, how.size or 13, how.weight or 400, how.color or INK, how.anchor or "start",
    escape(text))
end

function Canvas:line(x1, y1, x2, y2, color, width, dash)
  self:add('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"%s/>', x1,
    y1, x2, y2, color, width or 1, dash and ' stroke-dasharray="' .. dash .. '"' or "")
end

function Canvas:finish()
  local head = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"'
    .. ' font-family="system-ui, DejaVu Sans, sans-serif">'
    .. '<rect width="100%%" height="100%%" fill="#ffffff"/>'):format(WIDTH, self.height, WIDTH,
    self.height)
  return head .. "\n" .. table.concat(self.pieces, "\n") .. "\n</svg>\n"
end

-- Bars --------------------------------------------------------------------------------------------

local BAR, GAP = 20, 6
local BAR_RIGHT = 150 -- the room for values

local function bar(self, row, y, scale)
  local x = LEFT + row.value * scale
  self:text(LEFT - 8, y + 15, row.name, { anchor = "end", weight = row.bold and 700 or 400 })
  self:add('<rect x="%d" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s"/>', LEFT, y,
    row.value * scale, BAR, row.color)
  self:line(LEFT + row.low * scale, y + BAR / 2, LEFT + row.high * scale, y + BAR / 2, INK, 1.5)
  self:text(math.max(x, LEFT + row.high * scale) + 6, y + 15, svg.number(row.value),
    { weight = row.bold and 700 or 400 })
end

--- Groups of bars that share a scale; the thin line in a bar is the spread of its runs.
---@param chart table  title, subtitle, groups = { { name, bars = { { name, value, low, high, color,
---  bold } } } }
---@return string
function svg.bars(chart)
  local self, most = canvas(chart.title, chart.subtitle), 0
  for _, group in ipairs(chart.groups) do
    for _, row in ipairs(group.bars) do most = math.max(most, row.high) end
  end
  local scale = (WIDTH - LEFT - BAR_RIGHT) / most
  for _, group in ipairs(chart.groups) do
    self:text(20, self.height + 18, group.name, { weight = 700, size = 14 })
    self.height = self.height + 28
    for _, row in ipairs(group.bars) do
      bar(self, row, self.height, scale)
      self.height = self.height + BAR + GAP
    end
    self.height = self.height + 10
  end
  self.height = self.height + 6
  return self:finish()
end

-- Percentiles -------------------------------------------------------------------------------------

local ROW = 34

local function decades(low, high)
  local list, value = {}, 10 ^ math.floor(math.log(low) / math.log(10))
  while value < high do
    for _, factor in ipairs { 1, 2, 5 } do
      if value * factor >= low and value * factor <= high then list[#list + 1] = value * factor end
    end
    value = value * 10
  end
  return list
end

local function dots(self, row, y, place)
  local first, last = place(row.values[1]), place(row.values[#row.values])
  self:text(LEFT - 8, y + 5, row.name, { anchor = "end", weight = row.bold and 700 or 400 })
  self:line(first, y, last, y, row.color, 3)
  for i, value in ipairs(row.values) do
    self:add('<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" stroke="%s" stroke-width="2"/>',
      place(value), y, 5.5, i == 1 and row.color or "#ffffff", row.color)
  end
  self:text(last + 12, y + 5, row.told, { color = FAINT, size = 12 })
end

--- Rows of percentiles on a logarithmic scale: the first is a full dot.
---@param chart table  title, subtitle, unit, rows = { { name, values, told, color, bold } }
---@return string
function svg.percentiles(chart)
  local self, low, high = canvas(chart.title, chart.subtitle), math.huge, 0
  for _, row in ipairs(chart.rows) do
    low, high = math.min(low, row.values[1]), math.max(high, row.values[#row.values])
  end
  low, high = low * 0.8, high * 1.05
  local width = WIDTH - LEFT - 170
  local function place(value)
    return LEFT + math.log(value / low) / math.log(high / low) * width
  end
  local top, bottom = self.height + 6, self.height + 10 + #chart.rows * ROW
  for _, value in ipairs(decades(low, high)) do
    self:line(place(value), top, place(value), bottom, LINE)
    self:text(place(value), bottom + 16, svg.number(value), { anchor = "middle", color = FAINT,
      size = 12 })
  end
  for i, row in ipairs(chart.rows) do dots(self, row, top + i * ROW - ROW / 2, place) end
  self:text(LEFT + width, bottom + 34, chart.unit, { anchor = "end", color = FAINT, size = 12 })
  self.height = bottom + 46
  return self:finish()
end

-- Lines -------------------------------------------------------------------------------------------

local PLOT = 300

local function axes(self, chart, place_x, place_y, most_x, most_y)
  for _, value in ipairs(svg.ticks(most_y)) do
    self:line(LEFT - 60, place_y(value), WIDTH - RIGHT, place_y(value), LINE)
    self:text(LEFT - 68, place_y(value) + 4, svg.number(value), { anchor = "end", color = FAINT,
      size = 12 })
  end
  for _, value in ipairs(svg.ticks(most_x)) do
    self:text(place_x(value), place_y(0) + 18, svg.number(value), { anchor = "middle",
      color = FAINT, size = 12 })
  end
  self:text(WIDTH - RIGHT, place_y(0) + 36, chart.unit_x, { anchor = "end", color = FAINT,
    size = 12 })
end

local function polyline(self, series, place_x, place_y)
  local points = {}
  for i, point in ipairs(series.points) do
    local x, y = place_x(point[1]), place_y(point[2])
    if series.steps and i > 1 then
      points[#points + 1] = ("%.1f,%.1f"):format(x, place_y(series.points[i - 1][2]))
    end
    points[#points + 1] = ("%.1f,%.1f"):format(x, y)
    if series.dots then
      self:add('<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>', x, y, series.color)
    end
  end
  self:add('<polyline points="%s" fill="none" stroke="%s" stroke-width="2.5"'
    .. ' stroke-linejoin="round"/>', table.concat(points, " "), series.color)
end

local function legend(self, list)
  local x = LEFT - 60
  self.height = self.height + 10
  for _, series in ipairs(list) do
    self:line(x, self.height + 4, x + 22, self.height + 4, series.color, 3)
    self:text(x + 28, self.height + 8, series.name, { weight = series.bold and 700 or 400 })
    x = x + 60 + #series.name * 7.4
  end
  self.height = self.height + 30
end

--- Lines over a common scale that begins at 0, and a limit.
---@param chart table  title, subtitle, unit_x, series = { { name, points = { { x, y } }, color,
---  dots, steps, bold } }, limit = { value, name }; `steps`: a value holds until the next one
---@return string
function svg.lines(chart)
  local self = canvas(chart.title, chart.subtitle)
  local most_x, most_y = 0, chart.limit and chart.limit.value or 0
  for _, series in ipairs(chart.series) do
    for _, point in ipairs(series.points) do
      most_x, most_y = math.max(most_x, point[1]), math.max(most_y, point[2])
    end
  end
  legend(self, chart.series)
  local ticks_x, ticks_y = svg.ticks(most_x), svg.ticks(most_y * 1.02)
  local wide, high = ticks_x[#ticks_x], ticks_y[#ticks_y]
  local top, left = self.height, LEFT - 60
  local function place_x(x) return left + x / wide * (WIDTH - RIGHT - left) end
  local function place_y(y) return top + PLOT - y / high * PLOT end
  axes(self, chart, place_x, place_y, most_x, most_y * 1.02)
  for i = #chart.series, 1, -1 do polyline(self, chart.series[i], place_x, place_y) end
  if chart.limit then
    local y = place_y(chart.limit.value)
    self:line(left, y, WIDTH - RIGHT, y, "#c8372d", 1.5, "6 4")
    self:text(WIDTH - RIGHT, y - 6, chart.limit.name, { anchor = "end", color = "#c8372d" })
  end
  self.height = top + PLOT + 48
  return self:finish()
end

return svg
