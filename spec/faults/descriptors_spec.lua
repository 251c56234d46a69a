--- A process that finds no descriptor where it needs one: each that it makes is refused, once, and
-- it and all after it. What each run is judged by is in spec/oom/one.lua.
--
-- TRAIL_LONG=1 does it in all scenarios of failing memory (spec/oom/scenarios.lua), and not only in
-- those that differ in what they open.

local process = require "spec.support.process"

local LONG = os.getenv "TRAIL_LONG" == "1"

local SCENARIOS = LONG and {} or {
  "new: every string", "new: key_file", "get", "post: without a key", "retry: a broken connection",
  "pace: in a file", "rotation: a file", "pages: cursor", "all", "map", "send with a callback",
  "loop: get", "loop: send with a callback", "a forked child", "the worker starts and serves",
  "the worker serves", "the worker's call is cancelled",
  "the state ends with the worker's calls in flight", "HTTP/2: get", "HTTP/2: all",
}

local function sweep()
  local arguments = { "spec/oom/run.lua" }
  for _, name in ipairs(SCENARIOS) do arguments[#arguments + 1] = name end
  return process.script(arguments, process.preload("failing_system", {
    SWEEP_OF = "descriptors", TRAIL_RESULT = "", TRAIL_SUITE = "descriptors",
  }))
end

describe("where descriptors run out, once or for good,", function()
  it("no call is lost, misfiled or sent twice, nothing is left open, and the next one works", function()
    local child = sweep()
    local said, code, complaint = child:finish()
    assert.equal(0, code, said .. complaint)
    assert.matches(", 0 failed", said)
  end)
end)

describe("a name that finds no descriptor to be resolved with", function()
  local CODE = [[
    local process, trailmark = require "trailmark_testing".process, require "trailmark"
    local tm = trailmark.new { key = "tm_live_x", base_url = "https://trailmark.invalid", retries = 0 }
    trailmark.step() -- what every call needs is there
    local open, limit, left = process.descriptors(), 0, tonumber(os.getenv "LEFT")
    while left > 0 or open[limit] do
      if not open[limit] then left = left - 1 end
      limit = limit + 1
    end
    local before = process.limit_descriptors(limit)
    local _, err = tm:get "/x"
    process.limit_descriptors(before)
    local says = err.message:find "%(ulimit %-n%)" and err.hint:find "raise the limit"
    print(err.kind, err.outcome, says and "descriptors" or err.message)
  ]]

  local function told(left)
    local child = process.lua(CODE, { LEFT = tostring(left) })
    local said, code, complaint = child:finish()
    assert.same({ 0, "" }, { code, complaint })
    return said
  end

  it("is not told as one that does not exist", function()
    for left = 0, 2 do assert.equal("network\tnot_sent\tdescriptors\n", told(left)) end
  end)

  it("is told as what it is otherwise", function()
    assert.matches("^network\tnot_sent\tCould not resolve host", told(50))
  end)
end)
