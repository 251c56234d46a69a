--- A query with one of its parameters set: a table, or a string that is encoded already. Pure.

local query = {}

local function encode(text)
  return (text:gsub("[^A-Za-z0-9._~-]", function(byte) -- %w would go by the locale
    return ("%%%02X"):format(byte:byte())
  end))
end

local function decode(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

--- A copy that the caller's later changes do not reach.
---@param given? table|string
---@return table|string
function query.copy(given)
  if type(given) ~= "table" then return given or {} end
  local copy = {}
  for name, value in next, given do
    if type(value) == "table" then
      local list = {}
      for i, element in next, value do list[i] = element end
      value = list
    end
    copy[name] = value
  end
  return copy
end

--- The text of a parameter; nil where it is not there.
---@param given table|string
---@param name string
---@return string|number|nil
function query.get(given, name)
  if type(given) == "table" then
    local value = rawget(given, name)
    return (type(value) == "string" or type(value) == "number") and value or nil
  end
  for pair in given:gmatch("[^&]+") do
    local key, value = pair:match("^([^=]*)=?(.*)$")
    if decode(key) == name then return decode(value) end
  end
  return nil
end

--- The query with a parameter in place of all of its name.
---@param given table|string  a table is changed
---@param name string
---@param value string|integer
---@return table|string
function query.set(given, name, value)
  if type(given) == "table" then
    given[name] = value
    return given
  end
  local pairs_kept = {}
  for pair in given:gmatch("[^&]+") do
    if decode(pair:match("^[^=]*")) ~= name then pairs_kept[#pairs_kept + 1] = pair end
  end
  pairs_kept[#pairs_kept + 1] = encode(name) .. "=" .. encode(tostring(value))
  return table.concat(pairs_kept, "&")
end

return query
