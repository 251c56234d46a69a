-- A fixed window of requests, as the guide's "600 requests per minute per
-- workspace". It begins with the first request that spends from it and lasts
-- for exactly its length on a clock nobody can step; the Unix time of its end
-- is taken once, when it begins, so Reset never changes within a window.
-- Pure: both clocks are arguments.

local window = {}
window.__index = window

---@param limit number requests in one window
---@param length number seconds
---@param rounding "up"|"down"|"nearest" of the Unix time told as Reset
function window.new(limit, length, rounding)
  return setmetatable({ limit = limit, length = length, rounding = rounding, used = 0 }, window)
end

local round = {
  up = math.ceil,
  down = math.floor,
  nearest = function(t) return math.floor(t + 0.5) end,
}

-- What the three headers say: of the running window, or of the one that would begin now.
local function tell(self, now, wall)
  local running = self.ends and now < self.ends
  return {
    limit = self.limit,
    remaining = math.max(0, self.limit - (running and self.used or 0)),
    reset = round[self.rounding](running and self.ends_wall or wall + self.length),
    wait = running and self.ends - now or 0,
  }
end

--- Tells the window's state and spends nothing.
---@param now number steady seconds
---@param wall number Unix time
function window:look(now, wall)
  return tell(self, now, wall)
end

--- Spends one request. False where the window is exhausted; the state in both cases.
---@param now number steady seconds
---@param wall number Unix time
---@return boolean granted
---@return table rate limit, remaining, reset (Unix time) and wait (seconds to the window's end)
function window:spend(now, wall)
  if not self.ends or now >= self.ends then
    self.used, self.ends, self.ends_wall = 0, now + self.length, wall + self.length
  end
  local granted = self.used < self.limit
  if granted then
    self.used = self.used + 1
  end
  return granted, tell(self, now, wall)
end

--- A new limit holds at once. What was spent stays spent, unless the length changes as well:
--- then the next request begins a new window.
function window:change(limit, length)
  self.limit = limit or self.limit
  if length and length ~= self.length then
    self.length, self.ends = length, nil
  end
end

return window
