-- However the engine is driven, the same calls have the same results, and the server gets the same
-- requests: one list of scenarios (support/drives/scenarios.lua), run through every driver. What
-- blocks and steps the engine by itself is what the others are compared with.

local drivers = require "spec.support.drives.drivers"
local process = require "spec.support.process"
local scenarios = require "spec.support.drives.scenarios"
local trailmark = require "trailmark"

local FIRST = "inline"

local others = {}
for name in pairs(drivers) do
  if name ~= FIRST then others[#others + 1] = name end
end
table.sort(others)

-- In a process of its own: libraries of loops are not to be loaded in this one.
local function is_there(library)
  local child = process.lua(("require %q"):format(library))
  return select(2, child:finish()) == 0
end

local function start(name)
  if drivers[name].needs and not is_there(drivers[name].needs) then return nil end
  return process.lua(('require("spec.support.drives.run")(%q)'):format(name))
end

local function results_of(child)
  local said, code, complaint = child:finish()
  assert.same({ 0, "" }, { code, complaint })
  local list = {}
  for line in said:gmatch "[^\n]+" do list[#list + 1] = trailmark.decode(line) end
  assert.equal(#scenarios, #list)
  return list
end

describe("through every driver:", function()
  local children, results = {}, {}

  setup(function()
    for name in pairs(drivers) do children[name] = start(name) end
    for name, child in pairs(children) do results[name] = results_of(child) end
  end)

  teardown(function()
    for _, child in pairs(children) do child:stop() end
  end)

  for i, scenario in ipairs(scenarios) do
    it(scenario.name, function()
      local first = results[FIRST][i]
      assert.equal(scenario.requests, #first.requests)
      assert.truthy(#first.told > 0)
      for _, name in ipairs(others) do
        if results[name] then assert.same(first, results[name][i], name) end
      end
    end)
  end

  for _, name in ipairs(others) do
    it("there is " .. name, function()
      if not results[name] then pending("there is no " .. drivers[name].needs .. " here") end
    end)
  end
end)
