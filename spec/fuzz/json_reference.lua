-- JSON once more, by the book (RFC 8259) and without lua-cjson: what the codec is held against.
--
-- decode(text) gives what trailmark.decode promises on Lua 5.3 and newer, or nothing; same(a, b)
-- tells whether two values are the same to the last bit, marks of arrays included.

local json = require "trailmark.json"

local reference = {}

local DEPTH, EXACT = 128, 2 ^ 53

local value -- a function of text, place, depth -> its end, the value; nothing where it is no JSON

local function skip(text, at)
  return text:match("^[ \t\r\n]*()", at)
end

local ESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

local function unicode(text, at)
  local high = tonumber(text:match("^\\u(%x%x%x%x)", at) or "", 16)
  if not high or high >= 0xdc00 and high <= 0xdfff then return nil end
  if high < 0xd800 or high > 0xdbff then return at + 6, utf8.char(high) end
  local low = tonumber(text:match("^\\u(%x%x%x%x)", at + 6) or "", 16)
  if not low or low < 0xdc00 or low > 0xdfff then return nil end
  return at + 12, utf8.char(0x10000 + (high - 0xd800) * 0x400 + low - 0xdc00)
end

local function string_value(text, at)
  local parts = {}
  at = at + 1
  while true do
    local plain, rest = text:match('^([^"\\\0-\31]*)()', at)
    if not utf8.len(plain) then return nil end
    parts[#parts + 1], at = plain, rest
    local c = text:sub(at, at)
    if c == '"' then return at + 1, table.concat(parts) end
    if c ~= "\\" then return nil end
    local escape = ESCAPES[text:sub(at + 1, at + 1)]
    if escape then
      parts[#parts + 1], at = escape, at + 2
    else
      at, parts[#parts + 1] = unicode(text, at)
      if not at then return nil end
    end
  end
end

local function number_value(text, at)
  local whole, rest = text:match("^(%-?%d+)()", at)
  if not whole or whole:find("^%-?0%d") then return nil end
  local fraction, after = text:match("^(%.%d+)()", rest)
  local exponent, last = text:match("^([eE][+-]?%d+)()", after or rest)
  if not fraction and not exponent then
    local integer = tonumber(whole)
    return rest, math.type(integer) == "integer" and integer or whole
  end
  local number = tonumber(whole .. (fraction or "") .. (exponent or ""))
  local small = number >= -EXACT and number <= EXACT
  return last or after, small and math.tointeger(number) or number
end

local function array(text, at, depth)
  local list, count = {}, 0
  at = skip(text, at + 1)
  if text:sub(at, at) == "]" then return at + 1, json.array(list) end
  repeat
    local item
    at, item = value(text, at, depth)
    if not at then return nil end
    count = count + 1
    list[count] = item
    at = skip(text, at)
    local c = text:sub(at, at)
    at = at + 1
  until c ~= ","
  if text:sub(at - 1, at - 1) ~= "]" then return nil end
  return at, list
end

local function object(text, at, depth)
  local members = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "}" then return at + 1, members end
  repeat
    local name, member
    at = skip(text, at)
    if text:sub(at, at) ~= '"' then return nil end
    at, name = string_value(text, at)
    at = at and skip(text, at)
    if not at or text:sub(at, at) ~= ":" then return nil end
    at, member = value(text, at + 1, depth)
    if not at then return nil end
    members[name] = member
    at = skip(text, at)
    local c = text:sub(at, at)
    at = at + 1
  until c ~= ","
  if text:sub(at - 1, at - 1) ~= "}" then return nil end
  return at, members
end

local WORDS = { t = { "true", true }, f = { "false", false }, n = { "null", json.null } }

function value(text, at, depth)
  at = skip(text, at)
  local c = text:sub(at, at)
  local word = WORDS[c]
  if word then
    if text:sub(at, at + #word[1] - 1) ~= word[1] then return nil end
    return at + #word[1], word[2]
  end
  if c == '"' then return string_value(text, at) end
  if c ~= "[" and c ~= "{" then return number_value(text, at) end
  if depth == DEPTH then return nil end
  return (c == "[" and array or object)(text, at, depth + 1)
end

--- A number that no double holds; where another member of its name came later, it does no harm.
local function has_infinity(v)
  if type(v) ~= "table" then return v == math.huge or v == -math.huge end
  for _, member in next, v do
    if has_infinity(member) then return true end
  end
  return false
end

--- Whether it is JSON that the codec takes, and the value.
---@param text string
---@return boolean
---@return any
function reference.decode(text)
  local at, result = value(text, text:find("^\239\187\191") and 4 or 1, 0)
  if not at or skip(text, at) <= #text or has_infinity(result) then return false end
  return true, result
end

--- To the last bit: integers are no floats, and an empty array is no empty object.
---@return boolean
function reference.same(a, b)
  if type(a) ~= "table" then return rawequal(a, b) and math.type(a) == math.type(b) end
  if type(b) ~= "table" or next(a) == nil and json.is_array(a) ~= json.is_array(b) then
    return false
  end
  for name, member in next, a do
    if not reference.same(member, rawget(b, name)) then return false end
  end
  for name in next, b do
    if rawget(a, name) == nil then return false end
  end
  return true
end

return reference
