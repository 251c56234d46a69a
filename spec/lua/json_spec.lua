local cjson = require "cjson"
local json = require "trailmark.json"

local null, array = json.null, json.array
local has_integers = math.type ~= nil

-- The codec over another cjson; `false` is a machine without one.
local function codec_over(other)
  local real, codec = package.loaded.cjson, package.loaded["trailmark.json"]
  package.loaded.cjson, package.loaded["trailmark.json"] = other or nil, nil
  if not other then package.preload.cjson = function() error("no such module", 0) end end
  local ok, result = pcall(require, "trailmark.json")
  package.preload.cjson = nil
  package.loaded.cjson, package.loaded["trailmark.json"] = real, codec
  return ok and result, result
end

-- A text of its own for each value, the kinds of numbers and the array mark included.
local function describe_value(value, codec)
  if type(value) ~= "table" then
    if type(value) == "string" then return ("%q"):format(value) end
    return (math.type and math.type(value) or type(value)) .. " " .. tostring(value)
  end
  local parts = {}
  for key, inner in pairs(value) do
    parts[#parts + 1] = describe_value(key) .. "=" .. describe_value(inner, codec)
  end
  table.sort(parts)
  local mark = codec.is_array(value) and "array" or ""
  return mark .. "{" .. table.concat(parts, ",") .. "}"
end

local function assert_value(expected, value, codec)
  codec = codec or json
  assert.equal(describe_value(expected, codec), describe_value(value, codec))
end

local function big(digits)
  return has_integers and math.tointeger(tonumber(digits)) or digits
end

local function nested(depth, open, close)
  return open:rep(depth) .. close:rep(depth)
end

local function nest(depth)
  local value = {}
  for _ = 2, depth do value = { value } end
  return value
end

local decoded = { -- name, text, value (a function where it must be made by the codec in hand)
  { "null", "null", null },
  { "true", "true", true },
  { "false", "false", false },
  { "a string", [["a\u00e9\ud83d\ude00\u0000\n\/"]], "a\195\169\240\159\152\128\0\n/" },
  { "an integer", "14", 14 },
  { "an integer in an object", '{"members_count":14}', { members_count = 14 } },
  { "an integral fraction", "[14.0,1e3,-2.50e1]", { 14, 1000, -25 } },
  { "a fraction", "[0.5,-1.25e-2]", { 0.5, -0.0125 } },
  { "numbers at every level", '{"a":[1,{"b":[2.0,2.5]}]}', { a = { 1, { b = { 2, 2.5 } } } } },
  { "integers beside fractions", '{"a":1,"b":1.5,"c":-1}', { a = 1, b = 1.5, c = -1 } },
  { "an object", '{"a":{"b":null}}', { a = { b = null } } },
  { "an empty object", "{}", {} },
  { "a name of digits", '{"1":2}', { ["1"] = 2 } },
  { "the last of two members", '{"a":1,"b":2,"a":3}', { a = 3, b = 2 } },
  { "the last of two, one of them empty", '{"a":[],"a":"x","b":"x","b":[]}',
    function(mark) return { a = "x", b = mark {} } end },
  { "an empty array", "[]", function(mark) return mark {} end },
  { "an empty array with spaces", " [ \n] ", function(mark) return mark {} end },
  { "empty arrays at every level", '[[],{"a":[[]],"b":[{},[]]}]',
    function(mark) return { mark {}, { a = { mark {} }, b = { {}, mark {} } } } end },
  { "an array of one", "[[[1]]]", { { { 1 } } } },
  { "a byte order mark", "\239\187\191[1]", { 1 } },
  { "a byte order mark and an empty array", "\239\187\191[]", function(mark) return mark {} end },
  { "2^53 - 1", "9007199254740991", 9007199254740991 },
  { "-2^53 + 1", "-9007199254740991", -9007199254740991 },
  { "2^53", "9007199254740992", 9007199254740992 },
  { "-2^53", "-9007199254740992", -9007199254740992 },
  { "2^53 + 1", "9007199254740993", big "9007199254740993" },
  { "-2^53 - 1", "-9007199254740993", big "-9007199254740993" },
  { "2^63 - 1", "[9223372036854775807]", { big "9223372036854775807" } },
  { "-2^63", "[-9223372036854775808]",
    { has_integers and math.mininteger or "-9223372036854775808" } },
  { "2^63", '{"a":9223372036854775808}', { a = "9223372036854775808" } },
  { "-2^63 - 1", "-9223372036854775809", "-9223372036854775809" },
  { "an integer of 400 digits", ("7"):rep(400), ("7"):rep(400) },
  { "2^53 + 1 as a fraction", "9007199254740994.0", 9007199254740994.0 },
  { "the largest double", "1.7976931348623157e308", 1.7976931348623157e308 },
  { "numbers too small for a double", "[1e-400,0e999]", { 0, 0 } },
  -- Strings that look like the codec's own marks (csrc/policy/json_mark.h) stay what they are.
  { "a mark alone", '"~"', "~" },
  { "a mark beside an empty array", '["~",[]]', function(mark) return { "~", mark {} } end },
  { "a forged empty array", '["~[]",[]]', function(mark) return { "~[]", mark {} } end },
  { "a forged empty array in escapes", [==[["\u007e[]","\u007E[]",[]]]==],
    function(mark) return { "~[]", "~[]", mark {} } end },
  { "a forged integer", '["~9007199254740993",9007199254740995]',
    { "~9007199254740993", big "9007199254740995" } },
  { "doubled marks", '["~~","~~~","~~[]",[]]',
    function(mark) return { "~~", "~~~", "~~[]", mark {} } end },
  { "marks in names", '{"~[]":[],"~":"~","~~9":[]}',
    function(mark) return { ["~[]"] = mark {}, ["~"] = "~", ["~~9"] = mark {} } end },
  { "quotes and brackets in strings", [==[["\"[]",[],"\\","[ ]"]]==],
    function(mark) return { '"[]', mark {}, "\\", "[ ]" } end },
}

local function encoded_by(codec) -- name, value, text
  local mark = codec.array
  local rows = {
    { "null", null, "null" },
    { "true", true, "true" },
    { "false", false, "false" },
    { "an integer", 14, "14" },
    { "an integral float", 14.0, "14" },
    { "a fraction", 0.5, "0.5" },
    { "a string", 'a"\\\n\195\169\0', '"a\\"\\\\\\n\195\169\\u0000"' },
    { "an empty table", {}, "{}" },
    { "a marked one", mark {}, "[]" },
    { "a marked array", mark { 1, 2 }, "[1,2]" },
    { "an array", { 1, "a", true, null }, '[1,"a",true,null]' },
    { "an object", { a = { b = 1 } }, '{"a":{"b":1}}' },
    { "empty ones at every level", { mark {}, {}, { mark {} }, { a = mark {} } },
      '[[],{},[[]],{"a":[]}]' },
    { "members in the order of their names", { b = 1, a = { d = mark {}, c = 2 }, [""] = 3, aa = 4 },
      '{"":3,"a":{"c":2,"d":[]},"aa":4,"b":1}' },
    { "a name of digits", { ["1"] = 2 }, '{"1":2}' },
    { "10^14", 100000000000000, "100000000000000" },
    { "16 digits", { 1234567890123456 }, "[1234567890123456]" },
    { "2^53 - 1", 9007199254740991, "9007199254740991" },
    { "2^53", 9007199254740992, "9007199254740992" },
    { "-2^53", { a = -9007199254740992 }, '{"a":-9007199254740992}' },
    { "0.1 + 0.2", { 0.1 + 0.2 }, "[0.30000000000000004]" },
    { "1 / 3", 1 / 3, "0.3333333333333333" },
    { "a time with microseconds", { 1716900000.123456 }, "[1716900000.123456]" },
    { "2^63 as a double", 2.0 ^ 63, "9.223372036854776e+18" },
    { "a double beyond 2^53", { 9007199254740994.0 }, "[9007199254740994.0]" },
    { "the largest double", 1.7976931348623157e308, "1.7976931348623157e+308" },
    { "a mark", { "~" }, '["~"]' },
    { "a mark beside an empty array", { "~", "~[]", "~~", mark {} }, '["~","~[]","~~",[]]' },
    { "a mark in a name", { ["~[]"] = mark {} }, '{"~[]":[]}' },
    { "a mark beside a long number", { "~1", 1 / 3 }, '["~1",0.3333333333333333]' },
    { "a table whose metatable hides much",
      setmetatable({ a = 1 }, {
        __index = function() error "read through" end,
        __len = function() error "measured" end,
        __pairs = function() error "iterated" end,
      }), '{"a":1}' },
    { "an empty table that claims a length",
      { setmetatable({}, { __len = function() return 2 end, __index = function() return 1 end }) },
      "[{}]" },
  }
  if not has_integers then return rows end
  for _, digits in ipairs { "9007199254740993", "9223372036854775807", "-9223372036854775807" } do
    rows[#rows + 1] = { digits, { big(digits) }, "[" .. digits .. "]" }
  end
  rows[#rows + 1] = { "-2^63", math.mininteger, "-9223372036854775808" }
  return rows
end

local function cyclic()
  local inner = {}
  inner.back = { inner }
  return { a = inner }
end

-- On 5.1 a program comes by none.
local LIGHT = debug.upvalueid and debug.upvalueid(function() return cyclic end, 1) or io.stdout

local function refused_by(codec) -- name, value, message
  local mark = codec.array
  return {
    { "nil", nil, "the value is nil: send trailmark.null" },
    { "a function", { contacts = { 1, 2, { name = print } } },
      "contacts[3].name is a function, which JSON cannot say: leave it out or send a string" },
    { "a thread", { coroutine.create(function() end) },
      "[1] is a thread, which JSON cannot say: leave" },
    { "a userdata", { f = io.stdout }, "f is a userdata, which JSON cannot say: " },
    { "a light userdata", { f = LIGHT }, "f is a userdata, which JSON cannot say: " },
    { "NaN", { a = { 0 / 0 } },
      "a[1] is not a number (NaN), which JSON cannot say: send trailmark.null" },
    { "infinity", 1 / 0, "the value is infinite, which JSON cannot say: send trailmark.null" },
    { "minus infinity", { -1 / 0 }, "[1] is infinite" },
    { "bytes", { a = "abc\255" },
      "a is a string that is not UTF-8 at its byte 4: send binary data as base64" },
    { "a surrogate", "\237\160\128", "the value is a string that is not UTF-8 at its byte 1" },
    { "bytes in a name", { a = { ["x\255"] = 1 } },
      "a has a name that is not UTF-8 at its byte 2" },
    { "a hole", { a = { 1, nil, 3 } },
      "a is an array that lacks elements (it has 2 of 3): use trailmark.null for a missing" },
    { "a far element", { [1000000] = 1 },
      "the value is an array that lacks elements (it has 1 of 1000000)" },
    { "elements and names", { list = { 1, x = 2 } },
      "list has elements and the name x, and JSON has no such" },
    { "a marked array with names", { mark { x = 1 } },
      "[1] is marked as an array but has the name x: " },
    { "a marked array with both", mark { 1, x = 1 },
      "the value is marked as an array but has the name x: " },
    { "a marked array with a hole", mark { [2] = 1 }, "the value is an array that lacks elements" },
    { "a fractional key", { [1.5] = 1 },
      "the value has the key 1.5: elements are numbered from 1, names are" },
    { "the key 0", { a = { [0] = 1 } }, "a has the key 0: elements are numbered from 1" },
    { "a negative key", { [-1] = 1 }, "the value has the key -1: " },
    { "a boolean key", { { [true] = 1 } }, "[1] has a key that is a boolean: names are strings" },
    { "a table as a key", { [{}] = 1 }, "the value has a key that is a table: names are strings" },
    { "a cycle", cyclic(),
      "a.back[1] is a table that contains itself, a cycle: send an id in its place" },
    { "129 tables", nest(129), "lies deeper than 128 tables" },
    { "a name that is none", { ["first name"] = print }, '["first name"] is a function' },
    { "a name with control bytes", { ["a\n\"\\"] = { b = print } },
      [==[["a\x0a\x22\x5c"].b is a function]==] },
    { "an empty name", { a = { [""] = print } }, 'a[""] is a function' },
    { "a long name", { [("n"):rep(100)] = print }, '["' .. ("n"):rep(40) .. '..."] is a function' },
    { "a long name cut between characters", { [("n"):rep(39) .. "\195\169\195\169"] = print },
      '["' .. ("n"):rep(39) .. '..."] is a function' },
  }
end

local function check_codec(codec)
  for _, row in ipairs(decoded) do
    it("decodes " .. row[1], function()
      local expected = row[3]
      if type(expected) == "function" then expected = expected(codec.array) end
      local value, message = codec.decode(row[2])
      assert.is_nil(message)
      assert_value(expected, value, codec)
    end)
  end

  for _, row in ipairs(encoded_by(codec)) do
    it("encodes " .. row[1], function()
      local text, message = codec.encode(row[2])
      assert.is_nil(message)
      assert.equal(row[3], text)
    end)
  end

  for _, row in ipairs(refused_by(codec)) do
    it("refuses " .. row[1], function()
      local text, message = codec.encode(row[2])
      assert.is_nil(text)
      assert.truthy(message:find(row[3], 1, true), message)
    end)
  end
end

describe("json", function()
  check_codec(json)

  it("decodes 128 levels and refuses 129", function()
    local value = json.decode(nested(128, "[", "]"))
    for _ = 1, 127 do value = value[1] end
    assert.is_true(json.is_array(value))
    assert.equal(nested(128, "[", "]"), json.encode(json.decode(nested(128, "[", "]"))))
    local _, message = json.decode(nested(129, "[", "]"))
    assert.truthy(message:find("at most 128 levels", 1, true), message)
    assert.is_string(json.encode(nest(128)))
  end)

  it("refuses a number beyond the range of a double", function()
    for text, byte in pairs { ["1e309"] = 1, ["[1, -1e400]"] = 5, ['{"a":[],"b":1.8e308}'] = 13 } do
      local value, message = json.decode(text)
      assert.is_nil(value)
      local expected = "a number beyond the range of a double, at byte %d or later"
      assert.equal(expected:format(byte), message)
    end
  end)

  local rejections = { -- name, text, message
    { "an empty text", "", "not JSON: expected a value at byte 1, where the text ends" },
    { "a page", "<html>", "not JSON: expected a value at byte 1, found '<'" },
    { "trailing text", "{} x", "not JSON: expected nothing after the value at byte 4, found 'x'" },
    { "a control byte", '"\1"',
      "not JSON: expected an escape in place of a control byte at byte 2, found \\x01" },
    { "bad UTF-8", '"a\255"', "not JSON: expected valid UTF-8 at byte 3, found \\xff" },
    { "NaN", "[NaN]", "not JSON: expected a value at byte 2, found 'N'" },
    { "UTF-16", "\0{\0}", "not JSON: expected a value at byte 1, found \\x00" },
  }
  for _, row in ipairs(rejections) do
    it("says what is wrong with " .. row[1], function()
      local value, message = json.decode(row[2])
      assert.is_nil(value)
      assert.equal(row[3], message)
    end)
  end

  it("never shows more than a byte of the text", function()
    local secret = "tm_live_c4n4ry"
    local text = ('{"key":"%s","n":1e400,"list":[]}'):format(secret)
    for size = 0, #text do
      local value, message = json.decode(text:sub(1, size))
      assert.is_nil(value)
      assert.is_nil(message:find("tm_", 1, true))
      assert.is_nil(message:find("c4n", 1, true))
    end
  end)

  it("raises at the caller for what is no text, no value and no table", function()
    local here = "json_spec.lua:"
    for _, wrong in ipairs { function() json.decode(nil) end, function() json.decode(12) end,
      function() json.decode {} end, function() json.encode() end, function() json.is_array() end,
      function() json.array("x") end, function() json.array() end } do
      local ok, message = pcall(wrong)
      assert.is_false(ok)
      assert.truthy(message:find(here, 1, true), message)
    end
  end)

  it("marks a table, once, and not where it has a metatable", function()
    local t = {}
    assert.equal(t, array(t))
    assert.equal(t, array(t))
    assert.is_true(json.is_array(t))
    assert.equal(json.array_mt, getmetatable(t))
    for _, other in ipairs { {}, "x", 1, false, setmetatable({}, {}) } do
      assert.is_false(json.is_array(other))
    end
    local ok, message = pcall(array, setmetatable({}, {}))
    assert.is_false(ok)
    assert.truthy(message:find("another metatable", 1, true), message)
  end)

  it("leaves the caller's tables as they were", function()
    local value = { list = array {}, deep = { 1 / 3, "~", { 1234567890123456 } }, plain = {} }
    local list, before = value.list, describe_value(value, json)
    assert.is_string(json.encode(value))
    assert.equal(before, describe_value(value, json))
    assert.equal(list, value.list)
    assert.is_nil(getmetatable(value.deep))
  end)

  it("sends one table from two places", function()
    local shared = { 1 }
    assert.equal("[[1],[1],[[1]]]", json.encode { shared, shared, { shared } })
  end)

  it("shows the beginning of a long path", function()
    local value, name = print, ("n"):rep(30)
    for _ = 1, 20 do value = { [name] = value } end
    local _, message = json.encode(value)
    assert.equal(name .. "." .. name, message:sub(1, 61))
    assert.truthy(message:find("... is a function", 1, true), message)
    assert.is_true(#message < 300)
  end)

  it("refuses a text that would pass 64 MiB", function()
    local mebibyte, value = ("x"):rep(2 ^ 20), {}
    for i = 1, 64 do value[i] = mebibyte end
    local text, message = json.encode(value)
    assert.is_nil(text)
    assert.truthy(message:find("[64] is where the text passes 64 MiB", 1, true), message)

    text, message = json.encode { ("\1"):rep(2 ^ 24) }
    assert.is_nil(text)
    assert.truthy(message:find("more than 64 MiB", 1, true), message)
  end)

  it("refuses a small value that would unfold without end", function()
    local value = {}
    for _ = 1, 60 do value = { value, value } end
    local text, message = json.encode(value)
    assert.is_nil(text)
    assert.truthy(message:find("passes 64 MiB", 1, true), message)
  end)

  it("refuses LuaJIT's 64-bit integers", function()
    local found, ffi = pcall(require, "ffi")
    if not found then return assert.is_nil(rawget(_G, "jit")) end
    local _, message = json.encode { id = ffi.new("int64_t", 1) }
    assert.equal("id is a cdata, which JSON cannot say: use tonumber() or tostring()", message)
  end)

  it("changes nothing about the cjson that others use", function()
    local probe = { 0.1 + 0.2, "a/b", {} }
    package.loaded["trailmark.json"] = nil
    local before = cjson.encode(probe)
    local again = require "trailmark.json"
    package.loaded["trailmark.json"] = json
    again.encode { array {}, ("x"):rep(100000) }
    assert.equal(before, cjson.encode(probe))
    assert.equal(1000, cjson.decode_max_depth())
    assert.equal(1000, cjson.encode_max_depth())
    assert.equal(14, cjson.encode_number_precision())
  end)

  it("names the package where there is no cjson", function()
    local codec, message = codec_over(false)
    assert.is_false(codec)
    assert.truthy(message:find("Debian's package lua-cjson or the rock", 1, true), message)
    codec, message = codec_over { encode = print }
    assert.is_false(codec)
    assert.truthy(message:find("no cjson.new", 1, true), message)
  end)
end)

describe("json over the other line of lua-cjson", function()
  local other = require "spec.support.other_cjson"
  local codec = assert(codec_over(other))
  check_codec(codec)

  it("takes over its array mark", function()
    assert.equal(other.array_mt, codec.array_mt)
    assert.equal('[[],[]]', codec.encode {
      setmetatable({}, other.array_mt), setmetatable({}, other.empty_array_mt) })
    assert.is_true(codec.is_array(codec.decode("[]")))
  end)

  it("gives back the buffer of a large text, and only of one", function()
    local told = #other.kept
    codec.encode { ("x"):rep(1000) }
    assert.equal(told, #other.kept)
    codec.encode { ("x"):rep(100000) }
    assert.same({ false, true }, { other.kept[told + 1], other.kept[told + 2] })
  end)
end)

-- -- Properties ---------------------------------------------------------------------------------

local function pick(list) return list[math.random(#list)] end

local pieces = { "a", "~", "~[]", '"', "\\", "/", "\n", "\0", "\127", "\195\169",
  "\240\159\152\128",  "[]", "\\u007e", "9007199254740993", " " }

local function random_string()
  local parts = {}
  for i = 1, math.random(0, 4) do parts[i] = pick(pieces) end
  return table.concat(parts)
end

local function random_number()
  local kind = math.random(4)
  if kind == 1 then return math.random(-1000, 1000) end
  if kind == 2 then return (math.random() - 0.5) * 10 ^ math.random(-20, 20) + 0.1 end
  if kind == 3 then return math.random(0, 2 ^ 30) * (has_integers and 8388608 or 4194304) + 1 end
  return has_integers and pick { math.maxinteger, math.mininteger, 9007199254740993 } or 2 ^ 53
end

local function random_value(depth)
  local kind = math.random(depth > 4 and 3 or 6)
  if kind == 1 then return random_string() end
  if kind == 2 then return random_number() end
  if kind == 3 then return pick { null, true, false } end
  local value, size = {}, math.random(0, 4)
  if kind == 4 then
    for _ = 1, size do value[random_string()] = random_value(depth + 1) end
    return value
  end
  for i = 1, size do value[i] = random_value(depth + 1) end
  return size == 0 and array(value) or value
end

-- As decoding gives it back: integral doubles as integers where there are such.
local function settled(value)
  if type(value) == "table" then
    local copy = setmetatable({}, getmetatable(value))
    for key, inner in pairs(value) do copy[key] = settled(inner) end
    return copy
  end
  local integral = has_integers and type(value) == "number" and math.abs(value) <= 2 ^ 53
  return integral and math.tointeger(value) or value
end

-- What is left of a value where marks and the last digits do not count.
local function roughly(value)
  if type(value) == "table" then
    local parts = {}
    for key, inner in pairs(value) do parts[#parts + 1] = tostring(key) .. "=" .. roughly(inner) end
    table.sort(parts)
    return "{" .. table.concat(parts, ",") .. "}"
  end
  local digits = type(value) == "string" and #value > 15 and value:match "^-?%d+$"
  if type(value) == "number" or digits then
    -- The other line of lua-cjson stops at the ends of 64 bits.
    return ("%.13g"):format(math.max(-2 ^ 63, math.min(2 ^ 63, tonumber(value))))
  end
  return tostring(value)
end

local function damage(text)
  local at, kind = math.random(#text), math.random(4)
  local byte = pick { '"', "[", "]", "{", "}", ",", ":", "1", "0", "-", ".", "e", " ", "t", "\\" }
  if kind == 1 then return text:sub(1, at - 1) .. byte .. text:sub(at + 1) end
  if kind == 2 then return text:sub(1, at - 1) .. text:sub(at + 1) end
  if kind == 3 then return text:sub(1, at) .. byte .. text:sub(at + 1) end
  return text
end

describe("json", function()
  it("keeps any value through encode and decode", function()
    math.randomseed(8259)
    for _ = 1, 3000 do
      local value = random_value(1)
      local text = assert(json.encode(value))
      local back, message = json.decode(text)
      assert.is_nil(message)
      assert_value(settled(value), back)
    end
  end)

  it("takes no text that plain cjson refuses, and gives the same value", function()
    math.randomseed(4627)
    local agreed = 0
    for _ = 1, 6000 do
      local text = damage(json.encode(random_value(1)))
      local value, message = json.decode(text)
      if message == nil then
        local ok, plain = pcall(cjson.decode, text)
        assert.is_true(ok, text)
        assert.equal(roughly(plain), roughly(value))
        agreed = agreed + 1
      end
    end
    assert.is_true(agreed > 1500 and agreed < 5000, agreed .. " of 6000 texts were JSON")
  end)

  it("takes what plain cjson writes", function()
    math.randomseed(7159)
    for _ = 1, 2000 do
      local text = cjson.encode(random_value(1))
      local value, message = json.decode(text)
      assert.is_nil(message)
      assert.equal(roughly(cjson.decode(text)), roughly(value))
    end
  end)
end)
