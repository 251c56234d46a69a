-- The scripted steps still to come. A request takes the first step that
-- matches it; steps for other requests stay where they are.
-- Pure.

local script = {}
script.__index = script

function script.new()
  return setmetatable({ steps = {} }, script)
end

--- The parts of "POST /contacts", "/contacts", "POST" or "*"; a path may end in "*".
---@param pattern string
---@return string method "*" where it says none
---@return string path "*" where it says none
function script.parts(pattern)
  local method, path = pattern:match("^(%S+)%s+(%S+)$")
  if method then
    return method, path
  end
  local is_path = pattern:sub(1, 1) == "/"
  return is_path and "*" or pattern, is_path and pattern or "*"
end

local function matches(pattern, method, path)
  local wanted_method, wanted_path = script.parts(pattern)
  if wanted_method ~= "*" and wanted_method ~= method then
    return false
  end
  local start = wanted_path:match("^(.*)%*$")
  if start then
    return path:sub(1, #start) == start
  end
  return path == wanted_path
end

function script:add(steps)
  for _, step in ipairs(steps) do
    step.left = step.times
    self.steps[#self.steps + 1] = step
  end
end

--- The step for this request, if any; it is spent once it served `times` requests.
---@param method string
---@param path string below /v1, with a slash at its start
---@param full_path string as it was sent
function script:take(method, path, full_path)
  for i, step in ipairs(self.steps) do
    if matches(step.match, method, path) or matches(step.match, method, full_path) then
      step.left = step.left - 1
      if step.left == 0 then -- endless steps start at -1
        table.remove(self.steps, i)
      end
      return step
    end
  end
end

return script
