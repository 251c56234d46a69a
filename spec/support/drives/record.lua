--- What two runs of a scenario must have in common: values and requests without what is new in each
-- run (times, ids of requests, keys, the port).

local trailmark = require "trailmark"

local record = {}

local VOLATILE = {}
for name in ("elapsed time wait retry_at reset resets_in request_id date x-request-id"
  .. " x-ratelimit-reset created_at updated_at rate"):gmatch "%S+" do
  VOLATILE[name] = true
end

local UUID = ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12)

local Record = {}
Record.__index = Record

--- For one scenario: what stands for an id depends on the order in which ids are met.
---@param unordered? boolean  calls run side by side: whom the server counts first is chance
function record.new(unordered)
  return setmetatable({ names = {}, count = 0, unordered = unordered }, Record)
end

function Record:name(kind, id)
  if not self.names[id] then
    self.count = self.count + 1
    self.names[id] = kind .. self.count
  end
  return self.names[id]
end

function Record:text(text)
  text = text:gsub("127%.0%.0%.1:%d+", "HOST"):gsub("tm_live_%x+", "KEY")
    :gsub("%d%d:%d%d:%d%dZ", "CLOCK")
  return (text:gsub(UUID, function(id) return self:name("uuid", id) end))
end

function Record:is_chance(name)
  return VOLATILE[name] or self.unordered and name == "x-ratelimit-remaining"
end

--- A copy that JSON can carry.
function Record:value(value)
  if value == trailmark.null then return "null" end
  if type(value) == "string" then return self:text(value) end
  if type(value) ~= "table" then return tostring(value) end
  local copy, names = {}, {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    if not self:is_chance(name) then copy[tostring(name)] = self:value(value[name]) end
  end
  return copy
end

-- Requests ----------------------------------------------------------------------------------------

local FIELDS = { "method", "path", "query", "headers", "body", "status", "fault", "effect",
  "replayed", "protocol" }

local function order(entry)
  return table.concat({ entry.method, entry.path, entry.query, entry.body }, " ")
end

--- The server's log. Where calls ran side by side, requests have no order and connections no name.
---@param entries trailmark.sandbox.Entry[]
function Record:requests(entries)
  local list = {}
  for i, entry in ipairs(entries) do list[i] = entry end
  if self.unordered then table.sort(list, function(a, b) return order(a) < order(b) end) end
  for i, entry in ipairs(list) do
    local copy = {}
    for _, field in ipairs(FIELDS) do copy[field] = entry[field] end
    list[i] = self:value(copy)
    if not self.unordered then list[i].connection = self:name("connection", entry.connection) end
  end
  return list
end

return record
