--- The headers a caller adds to a request, checked and made into lines for the wire.
--
-- A check like those of checks.lua. A name is a token of HTTP (RFC 9110, section 5.6.2), a value
-- holds no control byte but the tab, so neither can end its line. What frames the request, carries
-- the key or has an option of its own is refused with the remedy. Values are never printed.

local checks = require "trailmark.checks"

local NOT_TOKEN = "[^A-Za-z0-9!#$%%&'*+.^_`|~-]" -- %w would go by the locale
local LONGEST_NAME, LONGEST_VALUE = 256, 8192

local OF_THE_CONNECTION = "belongs to the connection"
local OF_THE_BODY = "follows from the body"
local OF_THE_PROXY = "follows from the option proxy"

-- Why these are not the caller's to set, and what to use instead.
local OURS = {
  ["host"] = "follows from base_url",
  ["authorization"] = "follows from key, key_file or fallback_key",
  ["user-agent"] = "has an option of its own, user_agent, in trailmark.new",
  ["content-type"] = "has an option of its own, content_type, in each call",
  ["idempotency-key"] = "has an option of its own, idempotency_key, in each call",
  ["accept-encoding"] = "follows from what the client can decompress",
  ["content-length"] = OF_THE_BODY,
  ["transfer-encoding"] = OF_THE_BODY,
  ["expect"] = OF_THE_BODY,
  ["connection"] = OF_THE_CONNECTION,
  ["keep-alive"] = OF_THE_CONNECTION,
  ["te"] = OF_THE_CONNECTION,
  ["trailer"] = OF_THE_CONNECTION,
  ["upgrade"] = OF_THE_CONNECTION,
  ["http2-settings"] = OF_THE_CONNECTION,
}

local function name_problem(name)
  if type(name) ~= "string" then
    return 'headers must be named, as in { ["X-Name"] = "value" }, got ' .. checks.describe(name)
      .. " as a name"
  end
  local at = name:find(NOT_TOKEN)
  if at then
    return ("headers: a name must be a token of HTTP: byte %d is \\x%02X"):format(at,
      name:byte(at)), true
  end
  if name == "" or #name > LONGEST_NAME then
    return ("headers: a name must have 1 to %d bytes, got %d"):format(LONGEST_NAME, #name), true
  end
  local folded = name:lower()
  local ours = OURS[folded] or folded:find("^proxy%-") and OF_THE_PROXY
  return ours and ('headers must not set %s: it %s'):format(checks.quoted(name), ours)
end

local function value_problem(name, value)
  local subject = ("headers: the value of %s "):format(checks.quoted(name))
  if type(value) ~= "string" then
    return subject .. "must be a string, got " .. checks.describe(value)
  end
  if #value > LONGEST_VALUE then
    return ("%smust be at most %d bytes, got %d"):format(subject, LONGEST_VALUE, #value), true
  end
  local at = value:find(checks.CONTROL)
  if at then
    return ("%smust not hold control bytes: byte %d is \\x%02X"):format(subject, at,
      value:byte(at)), true
  end
end

--- Lower-case name -> the line for the wire. An empty value is in libcurl's spelling, `Name;`, for
-- `Name:` would take the header away.
local function header_lines(value, row)
  if type(value) ~= "table" then return nil, checks.must(row, row.rule, value) end
  local lines = {}
  for name, content in next, value do
    local problem, of_bytes = name_problem(name)
    if not problem then problem, of_bytes = value_problem(name, content) end
    if problem then return nil, problem, of_bytes end
    local folded = name:lower()
    if lines[folded] then return nil, ("headers sets %s twice"):format(checks.quoted(folded)) end
    lines[folded] = content:find("[^\t ]") and name .. ": " .. content or name .. ";"
  end
  return lines
end

return header_lines
