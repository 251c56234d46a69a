--- The JSON codec, over a lua-cjson instance of our own whose settings nobody else sees.
--
-- Here is found out what this machine's cjson can do, by trying: there are two lines of it with one
-- version number. The work is in C (csrc/binding/json.h says how).

local core = require "trailmark.core"

local found, cjson = pcall(require, "cjson")
if not found then
  error("trailmark needs lua-cjson, which was not found: install Debian's package lua-cjson "
    .. "or the rock lua-cjson\n" .. tostring(cjson), 0)
end
if type(cjson) ~= "table" or type(cjson.new) ~= "function" then
  error("trailmark needs lua-cjson 2.1 or newer: the module cjson found here has no cjson.new", 0)
end

-- Above the codec's own bound of 128, which then is the one that speaks.
local DEPTH = 256

local own = cjson.new()
own.encode_max_depth(DEPTH)
own.decode_max_depth(DEPTH)
own.encode_keep_buffer(true)
if own.encode_empty_table_as_object then own.encode_empty_table_as_object(true) end

-- All that a double always keeps; lua-cjson 2.1.0 stops at 14.
local digits = pcall(own.encode_number_precision, 15) and 15 or own.encode_number_precision(14)

local array_mt = cjson.array_mt or { __name = "trailmark.array" }

local function is_integer(number)
  return math.type ~= nil and math.type(number) == "integer"
end

-- Frees a buffer that a large value made large.
local function trim()
  own.encode_keep_buffer(false)
  own.encode_keep_buffer(true)
end

---@class trailmark.json
---@field null lightuserdata JSON's null, decoded and to be encoded
---@field array_mt table the metatable that marks a table as an array
local json = { null = cjson.null, array_mt = array_mt }

local decode, encode, array, is_array = core.json_codec {
  decode = own.decode,
  encode = own.encode,
  trim = trim,
  renew = cjson.new,
  array_mt = array_mt,
  empty_array_mt = cjson.empty_array_mt,
  empty_array = cjson.empty_array,
  digits = digits,
  decodes_integers = is_integer(own.decode("[1]")[1]),
  encodes_integers = math.maxinteger ~= nil
    and own.encode(math.maxinteger) == ("%d"):format(math.maxinteger),
  says_arrays = own.encode(setmetatable({}, array_mt)) == "[]",
  calls_metamethods = own.encode(setmetatable({}, { __len = function() return 1 end })) ~= "{}",
}

--- Reads JSON text (RFC 8259), strictly.
-- `null` becomes `json.null`; an empty array carries the mark of `json.array`. On Lua 5.3 and later
-- integral numbers are integers, exact to 64 bits; before, integers beyond 2^53 are strings of
-- their digits, as are those beyond 64 bits everywhere. Nesting ends at 128 levels. Of members with
-- one name the last counts. A message names the byte, counted from 1, and shows only that one.
---@type fun(text: string): any, string?
json.decode = decode

--- Writes a value as JSON text. Members stand in the order of their names, so equal values give
-- equal texts in every process. Keys are read raw; the value is never changed.
-- The message of a value that cannot be sent names its place (`contacts[3].name`), its type and the
-- remedy. An empty table is an object unless it is marked. Nesting ends at 128 levels, the text at
-- 64 MiB.
---@type fun(value: any): string?, string?
json.encode = encode

--- Marks a table as a JSON array, empty or not, and returns it.
-- Raises where it has another metatable.
---@type fun(t: table): table
json.array = array

--- Whether a value carries the array mark.
---@type fun(value: any): boolean
json.is_array = is_array

return json
