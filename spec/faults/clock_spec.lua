--- A wall clock that is an hour wrong, or is set while calls are under way: what is waited for, and
-- what lasts for a time, goes by the boot clock and by the server's own dates.

local failing_child = require "spec.support.failing_child"
local raw_server = require "spec.support.raw_server"

local function date(time) return os.date("!%a, %d %b %Y %H:%M:%S GMT", time) end

-- What paths are answered; the first time, where they differ.
local ANSWERS = {
  fine = function() return 200, "" end,
  later = function(times, now)
    if times > 1 then return 200, "" end
    return 503, ("Date: %s\r\nRetry-After: %s\r\n"):format(date(now), date(now + 1))
  end,
  undated = function(times, now)
    if times > 1 then return 200, "" end
    return 503, ("Retry-After: %s\r\n"):format(date(now + 1))
  end,
  spent = function(times, now)
    local left = times > 1 and 9 or 0
    local form = "Date: %s\r\nX-RateLimit-Limit: 10\r\nX-RateLimit-Remaining: %d\r\n"
      .. "X-RateLimit-Reset: %d\r\n"
    return 200, form:format(date(now), left, now + 2 + (times > 1 and 60 or 0))
  end,
}

describe("with a wall clock that is set an hour ahead or back", function()
  local server
  setup(function()
    server = raw_server.start(function(connection)
      local times = {}
      for request in function() return connection:request() end do
        local path = request.line:match "/(%a+)"
        times[path] = (times[path] or 0) + 1
        if path == "stall" then return connection:await_end() end
        if path == "key" then
          connection:answer(200, ('{"key":"%s"}'):format(request.headers.authorization))
        else
          local status, more = ANSWERS[path](times[path], os.time())
          connection:answer(status, "{}", more)
        end
      end
    end)
  end)
  teardown(function() server:stop() end)

  --- Ahead and behind.
  local function run(code)
    failing_child([[
      local step = tonumber(os.getenv "STEP")
      local core = require "trailmark.core"
      local function took(least, most, f, ...)
        local began = core.now()
        local result = { f(...) }
        local time = core.now() - began
        assert(time >= least and time <= most, ("%.3f s, not %s to %s"):format(time, least, most))
        return (unpack or table.unpack)(result, 1, 3)
      end
    ]] .. code, { URL = server.url, STEP = "3600" }, { URL = server.url, STEP = "-3600" })
  end

  it("Retry-After is kept to", function()
    run([[
      local tm = client { retries = 1 }
      system.step_wall(step)
      local call = tm:send { path = "/later" }
      call:wait(0.1)
      system.step_wall(-step) -- within the wait
      local data, err, response = took(0.8, 5, call.wait, call)
      assert(data, tostring(err))
      assert(response.attempts == 2 and response.elapsed > 0.9 and response.elapsed < 5)
    ]])
  end)

  it("the rate limit's window ends when it does", function()
    run([[
      local tm = client { pace = { shared = false } }
      system.step_wall(step)
      local _, _, response = tm:get "/spent"
      local rate = tm:rate()
      for _, one in ipairs { rate, response.rate } do
        assert(one.remaining == 0 and one.resets_in > 0 and one.resets_in <= 3, one.resets_in)
      end
      system.step_wall(-step)
      assert(took(0.9, 6, tm.get, tm, "/spent"))
    ]])
  end)

  it("time limits are kept to", function()
    run([[
      local tm = client { timeout = 0.2, retries = 0 }
      local call = tm:send { path = "/stall" }
      call:wait(0.05)
      system.step_wall(step)
      local _, err = took(0, 2, call.wait, call)
      assert(err.kind == "timeout" and err.elapsed >= 0.19 and err.elapsed < 2, tostring(err))
      system.step_wall(-step)
      took(0.05, 2, tm.sleep, tm, 0.05)
      call = tm:send { path = "/stall", timeout = 9, deadline = 0.2 }
      call:wait(0.05)
      system.step_wall(step)
      _, err = took(0, 2, call.wait, call)
      assert(err.kind == "timeout" and err.hint:find "deadline" and err.elapsed >= 0.19, tostring(err))
      local all = client { retries = 0 }
      system.step_wall(-step)
      local _, summary = took(0.15, 2, all.map, all, { 1, 2 }, function()
        system.step_wall(step)
        return { path = "/stall" }
      end, { batch_deadline = 0.2 })
      assert(summary.failed == 2)
    ]])
  end)

  it("a key lasts as long as it is to, and its file is looked at", function()
    run([[
      local asked = 0
      local function key()
        asked = asked + 1
        return "tm_live_number_" .. asked, nil, 1
      end
      local tm = client { key = key }
      local function used(of) return assert(of:get "/key").key:match "tm_live_(%S+)" end
      assert(used(tm) == "number_1")
      system.step_wall(step)
      assert(used(tm) == "number_1")
      local path = os.tmpname()
      local function write(text)
        local file = assert(io.open(path, "w"))
        file:write(text)
        file:close()
      end
      write "tm_live_old"
      local of_file = client { key = false, key_file = path }
      assert(used(of_file) == "old")
      write "tm_live_newer"
      system.step_wall(-step)
      tm:sleep(1.05)
      assert(used(tm) == "number_2")
      assert(used(of_file) == "newer")
      os.remove(path)
    ]])
  end)

  it("what has no date of the server's is waited for within the deadline", function()
    run([[
      local tm = client { retries = 1, deadline = 3 }
      system.step_wall(step)
      local data, err = took(0, 3.5, tm.get, tm, "/undated")
      assert(data or err.kind == "server" and err.retry_after > 3000 and err.attempts == 1)
    ]])
  end)

  it("the process's end waits for the worker's thread", function()
    run([[
      testing.worker.watch_exit()
      local doorbell = require "spec.support.doorbell"
      local tm, visitor = doorbell.client(os.getenv "URL"), doorbell.visitor()
      local call = visitor:start(tm, "/stall")
      system.slow_sockets(0.3)
      doorbell.core.wake()
      while not system.making_socket() do doorbell.core.sleep(0.001) end
      assert(not call:done())
      system.step_wall(step)
    ]])
  end)
end)
