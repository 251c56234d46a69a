--- Runs the scenarios through one driver, in a process of its own for which this is the program:
--
--     lua -e 'require("spec.support.drives.run") "fd"'
--
-- says a line of JSON for each: what was told, and what the server got.

local drivers = require "spec.support.drives.drivers"
local record = require "spec.support.drives.record"
local sandbox = require "trailmark.sandbox"
local scenarios = require "spec.support.drives.scenarios"
local trailmark = require "trailmark"

--- Values in their places, of which some may be nil.
local function told(record_of, ...)
  local list = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    list[i] = value == nil and "nil" or record_of:value(value)
  end
  return list
end

local function run_one(driver, sb, scenario)
  local mine, list = record.new(scenario.unordered), {}
  driver.run(function(loop)
    local function client(more)
      local opts = { loop = loop, pace = "off" }
      for name, value in pairs(more or {}) do opts[name] = value end
      return assert(sb:client(opts))
    end
    local function tell(...)
      list[#list + 1] = told(mine, ...)
      return ...
    end
    local tm = client(scenario.options)
    scenario.run(tm, tell, sb, client)
    tm:close()
  end)
  return { told = list, requests = mine:requests(sb:log()) }
end

--- Says what became of each scenario.
---@param name string  of the driver
return function(name)
  local sb = assert(sandbox.start())
  for _, scenario in ipairs(scenarios) do
    sb:reset()
    if scenario.contacts then sb:seed(scenario.contacts) end
    if scenario.script then sb:script(scenario.script) end
    print(assert(trailmark.encode(run_one(drivers[name], sb, scenario))))
  end
  sb:stop()
end
