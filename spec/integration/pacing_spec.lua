--- Pacing by whole clients against the sandbox, counted per window of the server's: no 429, and
-- hardly a place left unused, although processes die and the clocks disagree by an hour.
--
-- TRAIL_PACING="LIMIT WINDOW" measures another window: "600 60" is the service's own.

local process = require "spec.support.process"
local sandbox = require "trailmark.sandbox"
local socket = require "socket"
local trailmark = require "trailmark"
local windows = require "spec.support.windows"

local LIMIT, WINDOW = 100, 2
do
  local limit, window = (os.getenv "TRAIL_PACING" or ""):match("^(%d+) (%d+)$")
  if limit then LIMIT, WINDOW = tonumber(limit), tonumber(window) end
end
local WINDOWS = 3 -- measured ones; the last, which nobody finishes, is not

local CALLER = [[
  local core = require "trailmark.core"
  local trailmark = require "trailmark"
  local tm = assert(trailmark.new { key = os.getenv "KEY", base_url = os.getenv "URL" })
  local ends = core.now() + tonumber(os.getenv "SECONDS")
  while core.now() < ends do
    local data, err = tm:workspace()
    if not data then print(err) end
  end
]]

describe("pacing", function()
  local sb, began
  before_each(function()
    sb = assert(sandbox.start { limit = LIMIT, window = WINDOW })
    began = socket.gettime()
  end)
  after_each(function() sb:stop() end)

  local function caller()
    local left = began + WINDOWS * (WINDOW + 1) - socket.gettime()
    return process.lua(CALLER, { KEY = sb.key, URL = sb.url, SECONDS = ("%.3f"):format(left) })
  end

  local function judge(name, least)
    local counts, refused = windows.count(sb:log(), WINDOW)
    local used = windows.share_used(counts, LIMIT)
    print(("\npacing, %s: %d in %d s, %d windows, %.4f used, %d answers of 429"):format(name, LIMIT,
      WINDOW, #counts, used, refused))
    assert.is_true(#counts >= WINDOWS - 1, #counts .. " windows")
    assert.equal(0, refused)
    assert.is_true(used >= least, ("%.4f used"):format(used))
  end

  it("of one process wastes nothing and is refused nothing", function()
    local tm = assert(trailmark.new { key = sb.key, base_url = sb.url })
    local ends = began + WINDOWS * (WINDOW + 1)
    while socket.gettime() < ends do assert(tm:workspace()) end
    tm:close()
    judge("one process", 0.99)
  end)

  it("of eight processes survives their deaths and a server an hour ahead", function()
    sb:set_skew(3600)
    local callers = {}
    for i = 1, 8 do callers[i] = caller() end
    local ends, victim = began + WINDOWS * (WINDOW + 1), 0
    while socket.gettime() < ends do
      socket.sleep(0.2) -- the pace of the deaths, nothing that is waited for
      victim = victim % 8 + 1
      callers[victim]:kill(process.KILL)
      callers[victim]:finish()
      callers[victim] = caller()
    end
    for i = 1, 8 do assert.equal("", callers[i]:finish()) end
    judge("eight processes, one killed every 200 ms", 0.98)
  end)
end)
