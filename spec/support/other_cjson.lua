-- A stand-in for the other line of lua-cjson (OpenResty's), built over the one that is installed.
--
-- It differs from Debian's where that one does: integers are decoded and encoded as such, up to 16
-- digits of a double are printed, `array_mt` and `empty_array` are known, and tables are read
-- through their metamethods. It notes in `kept` what encode_keep_buffer was told.

local cjson = require "cjson"

local array_mt, empty_array_mt = {}, {}
local other = {
  null = cjson.null, array_mt = array_mt, empty_array_mt = empty_array_mt, kept = {},
}

local function integers(value)
  if type(value) == "table" then
    for key, inner in pairs(value) do value[key] = integers(inner) end
  elseif type(value) == "number" then
    return math.tointeger and math.tointeger(value) or value
  end
  return value
end

local function raw_length(t)
  local length = 0
  while rawget(t, length + 1) ~= nil do length = length + 1 end
  return length
end

local function has_elements(t)
  local metatable = getmetatable(t)
  if metatable == array_mt then return raw_length(t), rawget end
  if metatable and metatable.__len then
    return metatable.__len(t), function(_, i) return t[i] end
  end
  local length = raw_length(t)
  if length > 0 or metatable == empty_array_mt then return length, rawget end
end

local encode

local function encode_table(t)
  local parts, length, get = {}, has_elements(t)
  if length then
    for i = 1, length do parts[i] = encode(get(t, i)) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for name, value in next, t do parts[#parts + 1] = cjson.encode(name) .. ":" .. encode(value) end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
  if type(value) == "table" then return encode_table(value) end
  if math.type and math.type(value) == "integer" then return ("%d"):format(value) end
  if type(value) == "number" then return ("%%.%dg"):format(other.digits):format(value) end
  return cjson.encode(value)
end

function other.new()
  local own = cjson.new()
  local decode = own.decode
  own.encode = encode
  function own.decode(text)
    local value = decode(text)
    return text:find("%d[.eE]") and value or integers(value)
  end
  function own.encode_keep_buffer(keep) other.kept[#other.kept + 1] = keep end
  function own.encode_number_precision(digits)
    assert(digits <= 16)
    other.digits = digits
    return digits
  end
  return own
end

return other
