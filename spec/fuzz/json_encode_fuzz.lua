-- The codec from values: what can be said in JSON is, without loss; anything else is refused, with
-- the place named; the caller's value stays as it was.
--
-- The input is a value, written as a program of one letter a step (see BUILD); what is no letter of
-- a step's ends the input. Strings and numbers are read from the bytes that follow.

local json = require "trailmark.json"
local reference = require "spec.fuzz.json_reference"

local MOST_STEPS = 4096

-- Reading -----------------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

function Reader:take(count)
  local bytes = self.text:sub(self.at, self.at + count - 1)
  self.at = self.at + count
  return bytes
end

--- Up to the next "'" or the end.
function Reader:word()
  local word, rest = self.text:match("^([^']*)'?()", self.at)
  self.at = rest
  return word
end

local value -- a function of a reader and a depth

local function raw_double(reader)
  local bytes = reader:take(8)
  return string.unpack("<d", bytes .. ("\0"):rep(8 - #bytes))
end

local function raw_integer(reader)
  local bytes = reader:take(8)
  return string.unpack("<i8", bytes .. ("\0"):rep(8 - #bytes))
end

local function list(reader, depth)
  local made, count = {}, 0
  while reader.text:sub(reader.at, reader.at) ~= "]" and reader.at <= #reader.text do
    count = count + 1
    made[count] = value(reader, depth + 1)
  end
  reader.at = reader.at + 1
  return made
end

local function record(reader, depth)
  local made = {}
  while reader.text:sub(reader.at, reader.at) ~= "}" and reader.at <= #reader.text do
    local name = value(reader, depth + 1)
    if name == nil or name ~= name then name = "" end
    made[name] = value(reader, depth + 1)
  end
  reader.at = reader.at + 1
  reader.last = made
  return made
end

-- What each letter makes.
local BUILD = {
  s = function(reader) return reader:word() end,
  n = function(reader) return tonumber(reader:word()) or 0 end,
  d = raw_double, i = raw_integer,
  t = function() return true end, f = function() return false end,
  z = function() return json.null end,
  a = function() return json.array {} end, o = function() return {} end,
  m = function(reader, depth) return json.array(list(reader, depth)) end,
  ["["] = list, ["{"] = record,
  k = function(reader) return reader.last end,          -- a table once more
  c = function(reader) reader.last.c = reader.last; return reader.last end, -- a cycle
  x = function() return print end, y = function() return io.stdout end,
  w = function(reader, depth) return setmetatable(list(reader, depth), { __len = error }) end,
  p = function(reader, depth) -- deep
    local inner = value(reader, depth + 1)
    for _ = 1, 120 do inner = { inner } end
    return inner
  end,
}

function value(reader, depth)
  reader.steps = reader.steps + 1
  local build = BUILD[reader:take(1)]
  if not build or depth > 100 or reader.steps > MOST_STEPS then return nil end
  return build(reader, depth)
end

local function build(text)
  local reader = setmetatable({ text = text, at = 1, steps = 0, last = {} }, Reader)
  return value(reader, 0)
end

-- What JSON can say -------------------------------------------------------------------------------

local can_be_sent

local function shape_can_be_sent(t, depth, around)
  local elements, last, names = 0, 0, 0
  for key, member in next, t do
    if type(key) == "string" and utf8.len(key) then
      names = names + 1
    elseif math.tointeger(key) and type(key) == "number" and key >= 1 then
      elements, last = elements + 1, math.max(last, key)
    else
      return false
    end
    if not can_be_sent(member, depth + 1, around) then return false end
  end
  return elements == last and (names == 0 or elements == 0 and not json.is_array(t))
end

function can_be_sent(v, depth, around)
  local kind = type(v)
  if kind == "string" then return utf8.len(v) ~= nil end
  if kind == "number" then return v == v and v ~= math.huge and v ~= -math.huge end
  if kind ~= "table" then return kind == "boolean" or v == json.null end
  if around[v] or depth == 128 then return false end
  around[v] = true
  local can = shape_can_be_sent(v, depth, around)
  around[v] = nil
  return can
end

--- The value as it comes back: integral floats up to 2^53 are integers, all else is itself.
local function as_read(v)
  if type(v) == "number" and v >= -2 ^ 53 and v <= 2 ^ 53 then return math.tointeger(v) or v end
  if type(v) ~= "table" then return v end
  local copy = {}
  for name, member in next, v do copy[name] = as_read(member) end
  return json.is_array(v) and json.array(copy) or copy
end

-- Checking ----------------------------------------------------------------------------------------

local function check_sent(v, written)
  local expected = as_read(v)
  local known, read = reference.decode(written)
  assert(known, "what was encoded is no JSON")
  assert(reference.same(read, expected), "encoded as another value")
  assert(reference.same(json.decode(written), expected), "decoded to another value")
end

return function(text)
  local v = build(text)
  local can = can_be_sent(v, 0, {})
  local written, message = json.encode(v)
  if can then
    assert(written, message)
    check_sent(v, written)
    assert(json.encode(v) == written and json.encode(build(text)) == written)
    assert(reference.same(as_read(v), as_read(build(text))), "the caller's value was changed")
  else
    assert(written == nil, "sent what JSON cannot say")
    assert(type(message) == "string" and utf8.len(message), "no message")
  end
end
