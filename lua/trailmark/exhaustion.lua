--- Whether an error is Lua's own "not enough memory": nobody's failure, to be passed on instead of
-- being told as one.

---@param problem any
---@return boolean
return function(problem)
  return type(problem) == "string" and problem:find("not enough memory", 1, true) ~= nil
end
