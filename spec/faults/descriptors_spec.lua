--- A process that finds no descriptor where it needs one: each that it makes is refused, once, and
-- it and all after it. What each run is judged by is in spec/oom/one.lua.
--
-- TRAIL_LONG=1 does it in all scenarios of failing memory (spec/oom/scenarios.lua), and not only in
-- those that differ in what they open.

local drivers = require "spec.support.drives.drivers"
local failing_child = require "spec.support.failing_child"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"

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

describe("a system whose processes have all the descriptors there are", function()
  local server
  setup(function()
    server = raw_server.start(function(connection)
      while connection:request() do connection:answer(200, "{}") end
    end)
  end)
  teardown(function() server:stop() end)

  local PRELUDE = [[
    local function full(f)
      system.fill(true)
      local data, err = f()
      system.fill(false)
      assert(data == nil, "it needs none")
      return err
    end
    --- It says so, and what to raise, and that is not this process's own limit.
    local function judge(err, what)
      local said = ("no descriptor is left for %s: the system has too many open (fs.file-max)"):format(what)
      assert(err.kind == "network" and err.outcome == "not_sent", tostring(err))
      assert(err.message:find(said, 1, true), err.message)
      assert(err.hint:find("raise fs.file-max", 1, true) and not err.hint:find "ulimit", err.hint)
    end
    local tm = client { retries = 0 }
  ]]

  for what, code in pairs {
    ["the first call of all"] = [[
      judge(full(function() return tm:get "/" end), "epoll")
    ]],
    ["one that needs a connection"] = [[
      assert(tm:get "/")
      judge(full(function() return tm:post("/", {}, { idempotency_key = false }) end), "a connection")
    ]],
    ["a key file"] = [[
      local path = os.tmpname()
      local err = full(function() return trailmark.new { key_file = path } end)
      os.remove(path)
      assert(err.kind == "config" and err.message:find("open files in system", 1, true), err.message)
      assert(err.hint:find("raise fs.file-max", 1, true), err.hint)
    ]],
    ["the worker's start"] = drivers.worker and [[
      local doorbell = require "spec.support.drives.doorbell_loop"
      doorbell.run(function()
        tm = client { retries = 0, loop = doorbell.name }
        judge(full(function() return tm:get "/" end), "epoll")
        assert(tm:get "/")
      end)
      tm = client()
    ]],
  } do
    it("is told as that, and the next call works: " .. what, function()
      failing_child(PRELUDE .. code .. "assert(tm:get '/')", { URL = server.url })
    end)
  end
end)
