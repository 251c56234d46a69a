local surface = require "spec.support.reference.surface"

-- Two modules and what is named on the way from them, all of it documented.
local MODULE = [[
--- The module.
---@class trailmark
---@field version string  of the library
local trailmark = {}

--- Makes a client.
---@param opts? trailmark.Options
---@return trailmark.Client tm
function trailmark.new(opts)
  return opts
end

return trailmark
]]

local CLIENT = [[
--- What a client takes.
---@class trailmark.Options
---@field timeout? number  seconds, default 10

--- Nobody names this one.
---@class trailmark.Unnamed
---@field odd number

--- A client.
---@class trailmark.Client
local Client = {}

%s

return Client
]]

local SANDBOX = "--- The sandbox.\n---@class trailmark.sandbox\nlocal sandbox = {}\n"

local CHAPTERS = {
  { classes = { "trailmark", "trailmark.Options", "trailmark.Client", "trailmark.sandbox" } },
}

-- What stands in the client; what is complained of, if anything.
local cases = {
  { "a method without words", "function Client:close()\nend",
    "trailmark.Client:close: write above it what it does: --- Does this."
    .. " (where users have no business with it: ---@package)" },
  { "an argument without a type", "--- Waits.\nfunction Client:wait(name)\nend",
    "trailmark.Client:wait: write above it ---@param name type  what it is" },
  { "an argument that is gone", "--- Waits.\n---@param old string\nfunction Client:wait()\nend",
    "trailmark.Client:wait: ---@param old is no argument of it" },
  { "a result that is not told", "--- Tells.\nfunction Client:tell()\n  return 1\nend",
    "trailmark.Client:tell: write above it ---@return type name  what it is" },
  { "a result without a name", "--- Tells.\n---@return string\nfunction Client:tell()\nend",
    "trailmark.Client:tell: the result of type string wants a name" },
  { "a function from elsewhere without a type", "--- Tells.\nClient.tell = other.tell",
    "trailmark.Client.tell: write above it ---@type fun(name: type): name: type" },
  { "a number without a unit",
    "--- Waits.\n---@param time number  at most\nfunction Client:wait(time)\nend",
    "the argument `time` is a number: say its unit (seconds, Unix time, a share, ...)" },
  { "a type that nothing declares",
    "--- Waits.\n---@param how trailmark.Way\nfunction Client:wait(how)\nend",
    "trailmark.Way: a public type that no ---@class and no ---@alias declares" },
  { "a method that is documented",
    "--- Waits.\n---@param time number  seconds\n---@return string word\n"
    .. "function Client:wait(time)\n  return time\nend" },
  { "a method that is not for users", "---@package\nfunction Client:_inner(a)\n  return a\nend" },
  { "a metamethod", "Client.__close = Client.close" },
}

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

describe("the public surface", function()
  local root

  before_each(function()
    local pipe = io.popen("mktemp -d")
    root = pipe:read("*l")
    pipe:close()
    os.execute("mkdir -p '" .. root .. "/lua'")
    write(root .. "/lua/init.lua", MODULE)
    write(root .. "/lua/sandbox.lua", SANDBOX)
  end)

  after_each(function() os.execute(("rm -rf '%s'"):format(root)) end)

  local function complaints(client, chapters)
    write(root .. "/lua/client.lua", CLIENT:format(client))
    return surface.complaints(surface.read(root), chapters or CHAPTERS)
  end

  for _, case in ipairs(cases) do
    it("with " .. case[1], function()
      local list = complaints(case[2])
      assert.equal(case[3] and 1 or 0, #list, table.concat(list, "\n"))
      if case[3] then assert.truthy(list[1]:find(case[3], 1, true), list[1]) end
    end)
  end

  it("wants words for classes and fields", function()
    write(root .. "/lua/sandbox.lua",
      "---@class trailmark.sandbox\n---@field key string\nlocal sandbox = {}\n")
    local list = complaints ""
    assert.truthy(list[1]:find("trailmark.sandbox: write above ---@class what it is", 1, true))
    assert.truthy(list[2]:find("the field `key` wants words behind its type", 1, true))
    assert.equal(2, #list)
  end)

  it("wants each class in a chapter, and nothing else there", function()
    local list = complaints("", { { classes = { "trailmark", "trailmark.Unnamed",
      "trailmark.Options", "trailmark.sandbox" } } })
    assert.same({
      "trailmark.Client: add it to a chapter in spec/support/reference/chapters.lua",
      "trailmark.Unnamed: has a chapter of the reference, and nothing public names it",
    }, list)
  end)
end)
