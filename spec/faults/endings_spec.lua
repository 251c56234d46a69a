--- Lua states that end, and coroutines that are dropped, with calls in flight, in line, backing off and
-- waiting for keys, in batches and lists: spec/support/endings/run.lua. The process ends at once and
-- well (`make check-asan` looks for what is lost), and no write is sent twice.

local drivers = require "spec.support.drives.drivers"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local socket = require "socket"

local AT_ONCE = 5 -- seconds: of a busy machine; what is under way lasts for longer

-- A loop that is full of things to wait for comes to no end by itself.
local DRIVES = {
  { "inline", { "over", "exit", "error", "callback", "batch", "dropped" } },
  { "fd", { "over", "exit", "callback", "batch", "dropped" } },
  { "worker", { "over", "exit", "error", "callback", "batch", "dropped" } },
  { "uv", { "exit", "error", "callback", "batch", "dropped" } },
  { "cqueues", { "exit", "error", "callback", "batch", "dropped" } },
}

--- What is lost shows where the state is closed, which luv does not do after an error.
local function leaks_show(drive, ending)
  return not (drive == "uv" and ending == "error")
end

local function is_there(drive)
  local driver = drivers[drive]
  return driver and (not driver.needs or pcall(require, driver.needs))
end

describe("a Lua state with calls under way", function()
  local server
  setup(function()
    server = raw_server.start(function(connection, _, say)
      for request in function() return connection:request() end do
        local path = request.line:match " /(%a+)"
        local key = request.headers["idempotency-key"]
        if key then say("posted " .. key .. "\n") end
        if path == "hold" or request.line:find("cursor=2", 1, true) then
          return connection:await_end()
        end
        if path == "busy" then
          connection:answer(503, "{}", "Retry-After: 60\r\n")
        else
          connection:answer(200, '{"data":[1],"next_cursor":"2"}')
        end
      end
    end)
  end)
  teardown(function()
    local keys = {}
    for key in server:stop():gmatch "posted (%S+)" do
      assert(not keys[key], "a write was sent twice")
      keys[key] = true
    end
  end)

  local function start(drive, ending)
    return process.script({ "spec/support/endings/run.lua", drive, ending }, {
      URL = server.url,
      ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "")
        .. (leaks_show(drive, ending) and ":detect_leaks=1" or ""),
    })
  end

  local function ends(child, ending)
    child:expect "under way\n"
    local began = socket.gettime()
    local said, code, complaint, signal = child:finish()
    local took = socket.gettime() - began
    assert.is_nil(signal, complaint)
    assert.equal("under way\n", said)
    if ending == "error" then
      assert.matches("the end", complaint)
    else
      assert.same({ 0, "" }, { code, complaint })
    end
    assert.is_true(took < AT_ONCE, ("it took %.1f s"):format(took))
  end

  for _, row in ipairs(DRIVES) do
    if is_there(row[1]) then
      it("ends well, however that comes: " .. row[1], function()
        local children = {}
        finally(function()
          for _, child in ipairs(children) do child:stop() end
        end)
        for i, ending in ipairs(row[2]) do children[i] = start(row[1], ending) end
        for i, ending in ipairs(row[2]) do ends(children[i], ending) end
      end)
    end
  end
end)
