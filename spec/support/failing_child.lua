--- Runs code in a Lua of its own, whose system can be made to fail, and expects it to come to its
-- end in silence:
--
--     failing_child([[ system.random(false) ... ]], { URL = server.url })
--
-- The code finds `system` and `process` of the testing module, `trailmark`, and
-- `client(options)`, a client of the URL.

local process = require "spec.support.process"

local PRELUDE = [[
  local testing = require "trailmark_testing"
  local system, process = testing.failing_system, testing.process
  package.preload["trailmark.core"] = testing.worker.core -- so that there is one
  local trailmark = require "trailmark"
  local function client(options)
    local all = { key = "tm_live_0123456789abcdef", base_url = os.getenv "URL", pace = "off",
      backoff = { base = 0.001, cap = 0.001 }, timeout = 5, deadline = 10 }
    for name, value in pairs(options or {}) do all[name] = value or nil end
    return assert(trailmark.new(all))
  end
]]

local function judge(child)
  local said, status, complaint, signal = child:finish()
  if said == "fine" and status == 0 and complaint == "" then return nil end
  return ("it said %q and %q, and ended with %s%s"):format(said, complaint, tostring(status),
    signal and " (a signal)" or "")
end

--- One child for each environment, side by side.
---@param code string
---@param ... table<string, string>
return function(code, ...)
  local children, problem = {}, nil
  for i, environment in ipairs { (...) or {}, select(2, ...) } do
    children[i] = process.lua(PRELUDE .. code .. "\nio.write 'fine'",
      process.preload("failing_system", environment))
  end
  for _, child in ipairs(children) do
    local its = judge(child)
    problem = problem or its
  end
  if problem then error(problem, 2) end
end
