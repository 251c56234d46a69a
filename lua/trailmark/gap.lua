--- The first element that an array lacks, or nil. Beyond it each Lua counts otherwise with `#`.

---@param list table
---@return integer|nil
return function(list)
  local count, last = 0, #list
  for key in next, list do
    if type(key) == "number" and key >= 1 and key % 1 == 0 then
      count, last = count + 1, math.max(last, key)
    end
  end
  if count == last then return nil end
  local at = 1
  while rawget(list, at) ~= nil do at = at + 1 end
  return at
end
