--- Tells when a list leads back to a page it has led to before. Pure.
--
-- To remember every place would take memory for every page. The last 64 are remembered, so that the
-- loops that servers do make (a cursor that stays, two that take turns) are found at their first
-- repetition. A longer loop is found by Brent's method: one older place is kept, and exchanged for
-- the present one after 1, 2, 4, 8... pages; once that distance is as long as the loop, and its
-- beginning lies behind, the loop comes by it again. That takes at most three times the pages there
-- are to see.

local Repeats = {}
Repeats.__index = Repeats

local RECENT = 64

local repeats = {}

function repeats.new()
  return setmetatable({ ring = {}, recent = {}, at = 0, kept = nil, distance = 0, reach = 1 },
    Repeats)
end

local function remember(self, place)
  self.at = self.at % RECENT + 1
  local oldest = self.ring[self.at]
  if oldest then self.recent[oldest] = nil end
  self.ring[self.at], self.recent[place] = place, true
end

--- Notes the place that the list leads to next; true where it has been there.
---@param place string
---@return boolean
function Repeats:seen(place)
  if self.recent[place] or self.kept == place then return true end
  remember(self, place)
  self.distance = self.distance + 1
  if self.distance == self.reach then
    self.kept, self.distance, self.reach = place, 0, self.reach * 2
  end
  return false
end

return repeats
