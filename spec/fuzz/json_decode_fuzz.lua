-- The codec from text: it takes what is JSON, whole and nothing else, loses nothing of it, and
-- writes it again so that it reads the same. The input is the text.

local json = require "trailmark.json"
local reference = require "spec.fuzz.json_reference"

local function check_message(text, message)
  assert(type(message) == "string" and not message:find("%c"))
  local at = tonumber(message:match("at byte (%d+)"))
  assert(at and at >= 1 and at <= #text + 1, message)
end

return function(text)
  local is_json, expected = reference.decode(text)
  local value, message = json.decode(text)
  if not is_json then
    assert(value == nil, "what is no JSON was taken for it")
    return check_message(text, message)
  end
  assert(message == nil, message)
  assert(reference.same(value, expected), "decoded to another value")
  local written = assert(json.encode(value))
  local known, again = reference.decode(written)
  assert(known, "what was encoded is no JSON")
  assert(reference.same(again, value), "encoded as another value")
  assert(json.encode(json.decode(written)) == written, "not the same bytes again")
end
