--- Whether an error is the standalone interpreter's Ctrl-C: nobody's failure, to be passed on
-- instead of being told as one.

---@param problem any
---@return boolean
return function(problem)
  return type(problem) == "string" and problem:find("interrupted!", 1, true) ~= nil
end
