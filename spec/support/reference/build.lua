-- Writes the API reference, one HTML page:
--
--     lua spec/support/reference/build.lua FILE
--
-- Complains, and ends with 1, where something public is not documented.

local chapters = require "spec.support.reference.chapters"
local errors = require "trailmark.errors"
local page = require "spec.support.reference.page"
local surface = require "spec.support.reference.surface"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local found = surface.read()
local complaints = surface.complaints(found, chapters)
if #complaints > 0 then
  io.stderr:write(table.concat(complaints, "\n"), "\n")
  os.exit(1)
end

local file = assert(io.open(arg[1], "wb"))
file:write(page.write(found, chapters, {
  version = assert(read("csrc/base/version.h"):match('"([%d.%w]+)"')), kinds = errors.kinds,
}))
assert(file:close())
print(arg[1])
