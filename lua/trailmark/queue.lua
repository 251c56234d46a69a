--- First in, first out, of tables that have a field `behind`, which is false.
--
-- The line is made of these fields, so putting a table into it or taking one out needs no memory,
-- and cannot fail for want of it. Who stands in a line already stays where it is.

local Queue = {}
Queue.__index = Queue

function Queue:push(one)
  if one.behind then return end
  if self.count == 0 then self.first = one else self.last.behind = one end
  one.behind, self.last, self.count = self, one, self.count + 1 -- nobody is behind the last
end

--- To the front.
function Queue:put_back(one)
  if one.behind then return end
  if self.count == 0 then self.last = one end
  one.behind, self.first, self.count = self.count == 0 and self or self.first, one, self.count + 1
end

--- The oldest, taken out; nil when it is empty.
function Queue:pop()
  local one = self.first
  if not one then return nil end
  self.first, self.count = self.count > 1 and one.behind, self.count - 1
  if self.count == 0 then self.last = false end
  one.behind = false
  return one
end

local function new()
  return setmetatable({ first = false, last = false, count = 0 }, Queue)
end

return { new = new }
