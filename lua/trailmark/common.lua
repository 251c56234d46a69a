--- Tables that belong to the Lua state, as the engine does, and not to one load of a module.
--
-- Test runners and plugin managers empty package.loaded, and then a module is there twice. All of
-- them move one engine: whoever hears that a call has ended must find its owner.

local core = require "trailmark.core"

--- The table of that name, the same for everybody.
---@param name string
---@param mode? string  of a weak table
---@return table
return function(name, mode)
  local found = core.common[name]
  if not found then
    found = setmetatable({}, mode and { __mode = mode } or nil)
    core.common[name] = found
  end
  return found
end
