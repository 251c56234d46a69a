--- Environment variables for the time of one spec.

local set = require "trailmark_testing".process.setenv

local NAMES = {
  "TRAILMARK_API_KEY", "TRAILMARK_API_KEY_FILE", "TRAILMARK_BASE_URL", "TRAILMARK_LOG",
}

local environment = {}

--- Runs a function with these of our variables and no other ones.
---@param variables table<string, string>
function environment.with(variables, run)
  local before = {}
  for _, name in ipairs(NAMES) do
    before[name] = os.getenv(name)
    set(name, variables[name])
  end
  local results = { pcall(run) }
  for _, name in ipairs(NAMES) do set(name, before[name]) end
  if not results[1] then error(results[2], 0) end
  return (unpack or table.unpack)(results, 2, 4)
end

return environment
