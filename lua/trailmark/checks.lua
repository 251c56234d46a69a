--- The kinds of values an option may have, each a check with the same shape:
--
--     check(value, row, settings) -> accepted | nil, problem, of_bytes
--
-- `row` is the option's row (options/schema.lua): `label` names it in a problem, the other fields
-- are the check's own. A problem is a sentence for the caller; `of_bytes` is true where the type is
-- right and only the bytes are at fault.
-- The value of a string is never printed: any string might be a key put in the wrong place.

local nearest = require "trailmark.nearest"

local checks = {}

local MAX_SECONDS = 3600

--- More than anybody wants.
checks.MANY = 1e9

-- Sets of types.
checks.BOOLEAN = { boolean = true }
checks.FUNCTION = { ["function"] = true }
checks.STRING_OR_FUNCTION = { string = true, ["function"] = true }

-- Patterns of bytes that must not be there.
checks.CONTROL = "[^\t\32-\126\128-\255]"
checks.NOT_ASCII = "[^\32-\126]"
checks.NOT_VISIBLE = "[^\33-\126]"

-- Saying what came --------------------------------------------------------------------------------

local function looks_like_a_name(name)
  local _, digits = name:gsub("%d", "")
  return #name <= 40 and digits <= 3 and name:find("^[%a_][%w_-]*$")
    and not name:lower():find("^tm_live_")
end

--- A name in quotes where it looks like one: a key passed as a name stays hidden.
---@param name string
---@return string
function checks.quoted(name)
  return looks_like_a_name(name) and '"' .. name .. '"' or checks.describe(name)
end

---@param value any
---@return string
function checks.describe(value)
  local kind = type(value)
  if kind == "string" then return ("a string of %d bytes"):format(#value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "number" then return "a " .. kind end
  return value ~= value and "NaN" or ("%.14g"):format(value)
end

--- `(did you mean "x"?)`, with a space in front, or nothing.
---@param word string
---@param names string[]
---@return string
function checks.did_you_mean(word, names)
  local found = nearest.find(word, names)
  return found and (' (did you mean "%s"?)'):format(found) or ""
end

---@return string problem
function checks.must(row, rule, value)
  return ("%s must be %s, got %s"):format(row.label, rule, checks.describe(value))
end

local must = checks.must

-- Numbers -----------------------------------------------------------------------------------------

function checks.seconds(value, row)
  if type(value) ~= "number" then return nil, must(row, "a number of seconds", value) end
  if value > 0 and value <= MAX_SECONDS then return value end
  local rule = ("above 0 and at most %d seconds"):format(MAX_SECONDS)
  local reason = value > MAX_SECONDS and " (milliseconds or a date? times are in seconds)" or ""
  return nil, must(row, rule, value) .. reason
end

-- On Lua 5.3+ an integral float becomes an integer, which is what the core asks for.
local to_integer = rawget(math, "tointeger") or function(value) return value end

--- From `row.from` to `row.to`.
function checks.integer(value, row)
  if type(value) == "number" and value % 1 == 0 and value >= row.from and value <= row.to then
    return to_integer(value)
  end
  return nil, must(row, ("an integer from %.0f to %.0f"):format(row.from, row.to), value)
end

function checks.share(value, row)
  if type(value) == "number" and value >= 0 and value <= 1 then return value end
  return nil, must(row, "a number from 0 to 1", value)
end

---@return boolean
function checks.is_finite(value)
  return type(value) == "number" and value == value and math.abs(value) < math.huge
end

-- Types and words ---------------------------------------------------------------------------------

--- Of one of `row.types`.
function checks.typed(value, row)
  if row.types[type(value)] then return value end
  return nil, must(row, row.rule, value)
end

--- A table that `row.read` reads.
function checks.group(value, row, settings)
  if type(value) ~= "table" then return nil, must(row, row.rule, value) end
  return row.read(value, settings)
end

--- A misspelt word may be shown where it is too short, or too near a known one, to be a key.
local function wrong_word(value, row)
  local suggestion = checks.did_you_mean(value, row.words)
  local shown = value:find("^%a+$") and (suggestion ~= "" or #value <= 8)
  return ("%s must be %s, got %s%s"):format(row.label, row.rule,
    shown and '"' .. value .. '"' or checks.describe(value), suggestion)
end

--- One of `row.words`, or a value of the type `row.other`.
function checks.word(value, row, settings)
  if row.known[value] then return value end
  if type(value) == row.other then
    if row.read then return row.read(value, settings) end
    return value
  end
  if type(value) == "string" then return nil, wrong_word(value, row) end
  return nil, must(row, row.rule, value)
end

-- Strings -----------------------------------------------------------------------------------------

local function text_problem(value, row)
  local longest = row.longest or 4096
  local fits = value ~= "" and #value <= longest
  local at = fits and value:find(row.unwanted or checks.CONTROL)
  local fault = not fits and ("it has %d bytes, not 1 to %d"):format(#value, longest)
    or at and ("byte %d is \\x%02X"):format(at, value:byte(at))
  if not fault and row.shape then fault = row.shape(value) end
  return fault and ("%s must be %s: %s"):format(row.label, row.rule, fault)
end

--- A string of 1 to `row.longest` bytes, without `row.unwanted`, and of `row.shape`.
function checks.text(value, row)
  if value == false and row.may_be_false then return false end
  if type(value) ~= "string" then return nil, must(row, row.rule, value) end
  local problem = text_problem(value, row)
  if problem then return nil, problem, true end
  return value
end

-- Shapes: an objection, or nil.

function checks.base_url_shape(value)
  local authority, rest = value:match("^[Hh][Tt][Tt][Pp][Ss]?://([^/?#]*)(.*)$")
  if not authority then return "it does not begin with https://" end
  if authority:find("@", 1, true) then return "no user or password belongs in it" end
  if authority == "" or authority:find("^:") then return "it names no host" end
  if rest:find("[?#]") then return "no query or fragment belongs in it" end
  if value:find("[\\ ]") then return "it has a space or a backslash" end
end

local PROXY_SCHEMES = {
  http = true, https = true, socks4 = true, socks4a = true, socks5 = true, socks5h = true,
}

--- Of what follows the host: nothing, or a colon and a number.
local function is_port(rest)
  local port = tonumber(rest:match("^:(%d+)$"))
  return rest == "" or port and port >= 1 and port <= 65535
end

function checks.proxy_shape(value)
  if value == "env" then return nil end
  local scheme, authority = value:match("^(%w+)://([^/?#]*)")
  if not scheme or not PROXY_SCHEMES[scheme:lower()] then
    return "it begins with none of http, https, socks4, socks4a, socks5, socks5h"
  end
  if value:find("[\\ ]") then return "it has a space or a backslash" end
  local place = authority:match("[^@]*$")
  if place == "" or place:find("^:") then return "it names no host" end
  if not is_port(place:match("^%[.*%](.*)$") or place:match(":.*$") or "") then
    return "its port is not a number from 1 to 65535"
  end
end

--- libcurl's pins: each the base64 of a SHA-256, which is 43 characters and one `=`.
function checks.pins_shape(value)
  for pin in (value .. ";"):gmatch("([^;]*);") do
    local digest = pin:match("^sha256//([%w+/]+)=$")
    if not digest or #digest ~= 43 then return "a part of it is not" end
  end
end

function checks.no_outer_space(value)
  if value:find("^ ") or value:find(" $") then return "it begins or ends with a space" end
end

return checks
