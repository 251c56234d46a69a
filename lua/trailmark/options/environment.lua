--- What the environment may give where the constructor's options leave it open.

local schema = require "trailmark.options.schema"

local environment = {}

--- Which variable stands in for which option.
---@type table<string, string>
environment.variables = {
  key = "TRAILMARK_API_KEY", key_file = "TRAILMARK_API_KEY_FILE",
  base_url = "TRAILMARK_BASE_URL", log = "TRAILMARK_LOG",
}

local LAST_RESORT = { base_url = "https://api.trailmark.com/v1", log = "off" }

local function from_variable(rows, settings, name, getenv)
  local value = getenv(environment.variables[name])
  if settings[name] ~= nil or value == nil or value == "" then return nil end
  local row = rows[name]
  local accepted, problem = row.check(value, row, settings)
  if problem then return environment.variables[name] .. ": " .. problem end
  settings[name] = accepted
  settings[name .. "_variable"] = environment.variables[name]
end

--- Fills what the options left open from the environment, then from the last defaults.
-- An empty variable counts as unset. `<name>_variable` tells which came from there.
---@param rows table            of the schema of options.client
---@param settings table        of options.client; filled in place
---@param getenv? fun(name: string): string|nil
---@return true|nil
---@return string|nil problem   kind "config"
---@return string|nil option    the option at fault
function environment.fill(rows, settings, getenv)
  getenv = getenv or os.getenv
  local names = { "base_url", "log" }
  if settings.key == nil and settings.key_file == nil then
    names = { "base_url", "log", "key", "key_file" }
  end
  for _, name in ipairs(names) do
    local problem = from_variable(rows, settings, name, getenv)
    if problem then return nil, problem, name end
  end
  if settings.key ~= nil and settings.key_file ~= nil then
    return nil, ("%s and %s are both set: one of them is enough"):format(environment.variables.key,
      environment.variables.key_file), "key"
  end
  schema.fill(settings, LAST_RESORT)
  return true
end

return environment
