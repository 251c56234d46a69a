--- The scenarios of every loop, for a spec: run in one process, told one by one.
--
--     local suite = suites.new(launch, skip)
--     describe("a call", function()
--       setup(suite.run)
--       for _, name in ipairs(suite.names) do it(name, function() suite.check(name) end) end
--     end)

local gate_server = require "spec.support.gate_server"
local sandbox = require "trailmark.sandbox"
local scenarios = require "spec.support.loops.scenarios"

local suites = {}

---@param launch fun(environment: table<string, string>): table  a process that does as run.lua does
---@param skip? table<string, true>  what this loop cannot be asked
function suites.new(launch, skip)
  local told, names, rest = {}, {}, nil
  for _, scenario in ipairs(scenarios) do
    if not (skip and skip[scenario.name]) then names[#names + 1] = scenario.name end
  end
  names[#names + 1] = "leaves nothing to complain about"

  local function run()
    local gate, sb = gate_server.start(), assert(sandbox.start { limit = 1000000, contacts = 95 })
    local said, status, complaint = launch({
      TRAIL_GATE = gate.url, TRAIL_SANDBOX = sb.url, TRAIL_KEY = sb.key,
    }):finish()
    for name, how in said:gmatch "([^\t\n]+)\t([^\n]+)" do told[name] = how end
    rest = ("status %s\n%s"):format(tostring(status), complaint)
    told[names[#names]] = rest == "status 0\n" and "ok" or rest
    sb:stop()
    gate:stop()
  end

  local function check(name)
    local how = told[name] or "not run: " .. tostring(rest)
    if how ~= "ok" then error(how, 0) end
  end

  return { names = names, run = run, check = check }
end

return suites
