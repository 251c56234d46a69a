-- What an adapter has to be.

local adapter = require "trailmark.loop.adapter"
local process = require "spec.support.process"
local raises = require "spec.support.raises"
local suites = require "spec.support.loops.suite"
local tmp = require "spec.support.tmp"
local trailmark = require "trailmark"

local function f() end

local function adapter_of(names)
  local made = {}
  for name in names:gmatch "%S+" do made[name] = f end
  return made
end

describe("adapter.problem", function()
  it("is none where all that is needed is there", function()
    assert.is_nil(adapter.problem(adapter_of "waiter suspend resume watch"))
    assert.is_nil(adapter.problem(adapter_of "waiter suspend resume watch spawn report key new_waiter"))
  end)

  for _, row in ipairs {
    { {}, "loop.waiter must be given: a function" },
    { adapter_of "waiter suspend resume", "loop.watch must be given: a function" },
    { { whatch = f }, 'unknown field "whatch" of loop (did you mean "watch"?)' },
    { { timeout = f }, 'unknown field "timeout" of loop' },
    { { spawn = true }, "loop.spawn must be a function, got true" },
    { { watch = 5 }, "loop.watch must be a function, got 5" },
    { { f }, "loop must be a table of named functions" },
  } do
    it("is: " .. row[2], function() assert.equal(row[2], adapter.problem(row[1])) end)
  end

  it("is the caller's mistake", function()
    raises("trailmark.new: loop.suspend must be given: a function", function()
      trailmark.new { key = "tm_live_x", loop = adapter_of "waiter" }
    end)
  end)
end)

-- Who writes an adapter by what the README tells has a whole loop.
describe("a call in the README's loop", function()
  local file = assert(io.open "README.md")
  local code = file:read "*a":match "```lua\n(local socket = require \"socket\"\nlocal trailmark.-)local tm = "
  file:close()
  local path

  local suite = suites.new(function(environment)
    path = tmp.file(code .. "return adapter, run\n")
    environment.TRAIL_ADAPTER = path
    return process.lua([[require "spec.support.loops.run" "select"]], environment)
  end)

  setup(suite.run)
  teardown(function() os.remove(path) end)
  for _, name in ipairs(suite.names) do it(name, function() suite.check(name) end) end

  it("is written in about twenty lines", function()
    local lines = select(2, code:match "local adapter = .*\n}\n":gsub("\n", ""))
    assert.is_true(lines <= 20, lines)
  end)
end)
