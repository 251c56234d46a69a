--- Runs the scenarios in the loop of this process: one line each, its name and how it went.
--
--     TRAIL_GATE, TRAIL_SANDBOX and TRAIL_KEY are where the servers are.

local gate_server = require "spec.support.gate_server"
local hosts = require "spec.support.loops.hosts"
local scenarios = require "spec.support.loops.scenarios"
local trailmark = require "trailmark"

--- A client with these options, and with others beside or in place of them.
local function with(some, others)
  local all = {}
  for name, value in pairs(some) do all[name] = value end
  for name, value in pairs(others or {}) do all[name] = value end
  return assert(trailmark.new(all))
end

local function asker(url)
  local tm = with({ key = "tm_live_x", base_url = url, pace = "off", loop = "blocking" })
  return function(command)
    local body = assert(tm:get("/-" .. command, nil, { decode = false }))
    return body == true and "" or body
  end
end

local function world_of(host)
  local key, url, loop = os.getenv "TRAIL_KEY", os.getenv "TRAIL_GATE", host.loop or "auto"
  local of_gate = { key = "tm_live_x", base_url = url, pace = "off", retries = 0, loop = loop }
  local of_sandbox = { key = key, base_url = os.getenv "TRAIL_SANDBOX", pace = "off", loop = loop }
  return {
    key = key,
    gate = gate_server.attach(url, host.has_no_sockets and asker(url)),
    client = function(opts) return with(of_gate, opts) end,
    sandbox_client = function(opts) return with(of_sandbox, opts) end,
  }
end

---@param name string    of a host
---@param skip? table    names of scenarios that it cannot run
return function(name, skip)
  for _, scenario in ipairs(scenarios) do
    if not (skip and skip[scenario.name]) then
      local host = hosts[name]()
      local world = world_of(host)
      local ok, problem = xpcall(function() scenario.run(host, world) end, debug.traceback)
      world.gate:reset()
      io.stdout:write(scenario.name, "\t", ok and "ok" or tostring(problem):gsub("\n", " "), "\n")
      io.stdout:flush()
    end
  end
end
