--- Who wants to be woken when: a binary heap whose entries know their place, so that one that is no
-- longer wanted leaves at once. Times are seconds on the clock of the core.

local Alarms = {}
Alarms.__index = Alarms

---@class trailmark.Alarm
---@field at number     when
---@field waiter table  whom to wake
---@field place integer|false  in the heap; false: not in it

local function put(heap, place, alarm)
  heap[place], alarm.place = alarm, place
end

local function rise(heap, place, alarm)
  while place > 1 do
    local above = math.floor(place / 2)
    if heap[above].at <= alarm.at then break end
    put(heap, place, heap[above])
    place = above
  end
  put(heap, place, alarm)
end

local function sink(heap, place, alarm)
  while true do
    local below = place * 2
    if heap[below + 1] and heap[below + 1].at < heap[below].at then below = below + 1 end
    if not heap[below] or alarm.at <= heap[below].at then break end
    put(heap, place, heap[below])
    place = below
  end
  put(heap, place, alarm)
end

--- The earliest time, or nil.
---@return number|nil
function Alarms:first()
  return self[1] and self[1].at
end

---@param at number
---@param waiter table
---@return trailmark.Alarm
function Alarms:set(at, waiter)
  local alarm = { at = at, waiter = waiter, place = false }
  rise(self, #self + 1, alarm)
  return alarm
end

--- Takes it out, if it is still there.
---@param alarm trailmark.Alarm
function Alarms:unset(alarm)
  local place = alarm.place
  if not place then return end -- it has rung before
  local last = table.remove(self)
  alarm.place = false
  if last == alarm then return end
  sink(self, place, last)
  rise(self, last.place, last)
end

--- Wakes those whose time has come, by `waiter:wake()`, and takes them out.
---@param now number
function Alarms:ring(now)
  while self[1] and self[1].at <= now do
    local alarm = self[1]
    alarm.waiter:wake() -- it stays where memory runs out
    self:unset(alarm)
  end
end

local function new()
  return setmetatable({}, Alarms)
end

return { new = new }
