--- The keys of a table as an array: what is done with each may add others.

local NONE = {}

---@param set table
---@return any[]  not to be changed
return function(set)
  if next(set) == nil then return NONE end
  local list = {}
  for member in pairs(set) do list[#list + 1] = member end
  return list
end
