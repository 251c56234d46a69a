-- Headers of a caller's (lua/trailmark/header_lines): the first line of the input is a name, the
-- rest its value. What is taken is one line of its own on the wire, and not one that is the
-- client's.

local header_lines = require "trailmark.header_lines"

local row = { label = "headers", rule = "a table of names and strings" }

local NEVER = {}
for name in ("host authorization user-agent content-type idempotency-key accept-encoding expect te "
  .. "content-length transfer-encoding connection keep-alive trailer upgrade http2-settings "
  .. "proxy-authorization proxy-connection"):gmatch("%S+") do
  NEVER[name] = true
end

local function is_token(name)
  return name:find("^[A-Za-z0-9!#$%%&'*+.^_`|~-]+$") ~= nil
end

local function check_line(line, name, value)
  assert(not line:find("[\0-\8\10-\31\127]"), "a control byte")
  local written, content = line:match("^([^:;]+)[:;] ?(.*)$")
  assert(written == name, "another name")
  if value:find("[^\t ]") then
    assert(line:sub(#name + 1, #name + 2) == ": " and content == value, "another value")
  else
    assert(line == name .. ";", "libcurl would take the header away")
  end
end

return function(input)
  local name, value = input:match("^([^\n]*)\n?(.*)$")
  local lines, problem = header_lines({ [name] = value }, row)
  local lower = name:lower()
  local good = is_token(name) and #name <= 256 and not NEVER[lower] and not lower:find("^proxy%-")
    and #value <= 8192 and not value:find("[\0-\8\10-\31\127]")
  if good then
    assert(lines, problem)
    check_line(lines[lower], name, value)
    lines[lower] = nil
    assert(next(lines) == nil, "a line more")
  else
    assert(lines == nil, "taken, although it cannot be sent")
    assert(type(problem) == "string" and not problem:find("%c"), "no message for people")
  end
end
