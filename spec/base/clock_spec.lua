local clock = require("trailmark_testing").clock
local socket = require "socket"

local function uptime_us()
  local file = assert(io.open "/proc/uptime")
  local seconds = file:read "*n"
  file:close()
  return seconds * 1e6
end

describe("the clock of waits", function()
  it("is the machine's time since its start, in microseconds, and never goes back", function()
    local before = uptime_us()
    local last = clock.boot_us()
    assert.is_true(last >= before - 10000)
    for _ = 1, 1000 do
      local now = clock.boot_us()
      assert.is_true(now >= last)
      last = now
    end
    assert.is_true(last <= uptime_us() + 20000)
  end)
end)

describe("the clock of people", function()
  it("is Unix time in milliseconds", function()
    local before = socket.gettime() -- os.time() may be some milliseconds late
    local now = clock.wall_ms()
    assert.is_true(now > before * 1000 - 1 and now < socket.gettime() * 1000 + 1)
  end)
end)
