--- A signal a thousand times a second, whose handler restarts nothing: what waits is woken by each,
-- and goes on; calls take no longer for it, and time limits are kept to.

local failing_child = require "spec.support.failing_child"
local faults = require "spec.support.faults"
local raw_server = require "spec.support.raw_server"

local LONG = os.getenv "TRAIL_LONG" == "1"

local PRELUDE = [[
  local HERTZ, CALLS = 1000, tonumber(os.getenv "CALLS")
  local core = require "trailmark.core"
  --- Runs the function among interruptions; there must have been some.
  local function interrupted(f)
    local before = process.interrupt(HERTZ)
    local began = core.now()
    f()
    local took, count = core.now() - began, process.interrupt(0) - before
    assert(count > 0 or took < 0.01, "nothing was interrupted")
  end
]]

-- What is done, by name: with blocking calls, in a loop on the engine's descriptor, and where the
-- worker's thread moves the calls.
local DRIVES = { "inline", "fd", "worker" }

local DRIVEN = [[
  local drivers = require "spec.support.drives.drivers"
  local drive = drivers[os.getenv "DRIVE"]
  interrupted(function()
    drive.run(function(loop)
      local tm = client { loop = loop, retries = 3 }
      for i = 1, CALLS do
        local data, err = tm:post("/echo", { n = i })
        assert(data and data.n == i, tostring(err))
      end
      local items = {}
      for i = 1, CALLS do items[i] = i end
      local results, summary = tm:map(items, function(i)
        return { method = "POST", path = "/echo", body = { n = i } }
      end, { concurrency = 8 })
      for i = 1, CALLS do assert(results[i].data and results[i].data.n == i) end
      assert(summary.done == CALLS and summary.failed == 0)
      local sum, pager = 0, tm:pager "/pages"
      local page = pager:next()
      while page do
        sum, page = sum + page[1], pager:next()
      end
      assert(sum == 6)
      local began = core.now()
      tm:sleep(0.1)
      local slept = core.now() - began
      assert(slept >= 0.1 and slept < 1, slept)
      local _, err = tm:get("/stall", nil, { timeout = 0.1, retries = 0 })
      assert(err.kind == "timeout" and err.elapsed >= 0.09 and err.elapsed < 1, tostring(err))
      tm:close(1)
    end)
  end)
]]

-- A service that from one round to the next takes another key alone, asked by four calls at a time.
local ROTATED = [[
  local drive = require "spec.support.drives.drivers"[os.getenv "DRIVE"]
  local path, now = os.tmpname(), nil
  local function rotate(round)
    now = "tm_live_of_round_" .. round
    local file = assert(io.open(path, "w"))
    file:write(now)
    file:close()
  end
  interrupted(function()
    drive.run(function(loop)
      rotate(0)
      local asked = { key = 0, fallback = 0 }
      local function ask(which)
        asked[which] = asked[which] + 1
        return now
      end
      local clients = {
        file = client { loop = loop, key = false, key_file = path },
        key = client { loop = loop, key = function() return ask "key" end },
        fallback = client { loop = loop, fallback_key = function() return ask "fallback" end },
      }
      for round = 1, CALLS / 10 do
        rotate(round)
        for name, tm in pairs(clients) do
          local results = tm:map({ 1, 2, 3, 4 }, function() return { path = "/only/" .. now } end)
          for i = 1, 4 do assert(results[i].data, name .. tostring(results[i].err)) end
        end
      end
      for which, times in pairs(asked) do assert(times == CALLS / 10, which .. " " .. times) end
      for _, tm in pairs(clients) do tm:close() end
    end)
  end)
  os.remove(path)
]]

describe("with a thousand interruptions a second", function()
  local server
  setup(function()
    server = raw_server.start(function(connection, _, say)
      for request in function() return connection:request() end do
        local path = request.line:match " /(%a+)"
        if path == "stall" then return connection:await_end() end
        local only = request.line:match " /only/([%w_]+)"
        local rejected = only and request.headers.authorization ~= "Bearer " .. only
        -- Nobody reads it before the end, so it has to fit into a pipe.
        if path == "echo" then say("p " .. request.headers["idempotency-key"]:sub(1, 13) .. "\n") end
        local page = tonumber(request.line:match "cursor=(%d)" or 1)
        local list = ('{"data":[%d],"next_cursor":%s}'):format(page,
          page < 3 and ('"%d"'):format(page + 1) or "null")
        connection:answer(rejected and 401 or 200, path == "echo" and request.body or list)
      end
    end)
  end)
  teardown(function()
    local keys = {}
    for key in server:stop():gmatch "p (%S+)\n" do
      assert(not keys[key], "a write was sent twice")
      keys[key] = true
    end
  end)

  local function run(code, more)
    local all = { URL = server.url, CALLS = LONG and "500" or "100" }
    for name, value in pairs(more or {}) do all[name] = value end
    failing_child(PRELUDE .. code, all)
  end

  for _, drive in ipairs(DRIVES) do
    if require("spec.support.drives.drivers")[drive] then
      it("calls, batches, lists and sleeps go on: " .. drive, function()
        run(DRIVEN, { DRIVE = drive })
      end)

      it("keys are rotated, each source asked once for all calls: " .. drive, function()
        run(ROTATED, { DRIVE = drive })
      end)
    end
  end

  it("a budget is shared, and key files and functions give keys", function()
    run [[
      local path = os.tmpname()
      local file = io.open(path, "w")
      file:write "tm_live_of_a_file"
      file:close()
      interrupted(function()
        for i = 1, CALLS do
          local tm = client { key = false, key_file = path, pace = { scope = "alarm-" .. i % 3 } }
          assert(tm:get "/pages")
          assert(tm:rate() == nil or tm:rate().shared)
          tm:close()
        end
        local tm = client { key = function() client():sleep(0.005) return "tm_live_x" end }
        assert(tm:get "/pages")
      end)
      os.remove(path)
    ]]
  end)

  it("a half of a megabyte arrives over TLS and HTTP/2 as well", function()
    local secure = faults.start()
    finally(function() secure:stop() end)
    for _, scheme in ipairs { "tls", "http2" } do
      run([[
        local tm = client { ca_file = os.getenv "CA_FILE" }
        interrupted(function()
          for _ = 1, 3 do
            assert(tm:post("/x", ("x"):rep(500000), { content_type = "text/plain" }))
          end
        end)
      ]], { URL = secure:script({}, { scheme = scheme }), CA_FILE = secure.ca_file })
    end
  end)
end)
