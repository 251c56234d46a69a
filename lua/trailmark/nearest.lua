--- The known name nearest to a misspelt one, for "did you mean ...?".
--
-- Pure: strings in, a string or nil out. The distance counts insertions, deletions, replacements
-- and swaps of neighbours, each as one; a suggestion further away than a third of the name would
-- mislead more than it helps, so there is none.

local nearest = {}

-- Longer than any name of ours: comparing more would only cost time.
local LONGEST = 48

--- How many edits lead from `a` to `b` (optimal string alignment).
---@param a string
---@param b string
---@return integer
function nearest.distance(a, b)
  local before, above = nil, {}
  for j = 0, #b do above[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same and 0 or 1))
      if before and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, above = above, row
  end
  return above[#b]
end

local function fold(name)
  return (name:lower():gsub("[%s_-]", ""))
end

--- The name of `names` that `word` was most likely meant to be, or nil.
-- Case, `-` and `_` do not count. Of equally near names the first in `names` wins.
---@param word string
---@param names string[]
---@return string|nil
function nearest.find(word, names)
  if #word > LONGEST then return nil end
  local folded = fold(word)
  local found, least = nil, math.max(1, math.floor(#folded / 3)) + 1
  for _, name in ipairs(names) do
    local distance = nearest.distance(folded, fold(name))
    if distance < least and distance < #name then found, least = name, distance end
  end
  return found
end

return nearest
