--- Event loops for specs, each as a program has it: `go` starts a coroutine, `run` runs the loop
-- until it comes to its end, `pause` suspends a coroutine in the loop's own way. `loop` is the
-- option of clients, `has_no_sockets` is true where LuaSocket cannot be used.

local LONGEST = 20 -- seconds; a loop that takes longer has hung

local hosts = {}

function hosts.cqueues()
  local cqueues = require "cqueues"
  local controller = cqueues.new()
  return {
    go = function(f) controller:wrap(f) end,
    run = function()
      assert(controller:loop(LONGEST))
      assert(controller:empty(), "the loop has not come to its end")
    end,
    pause = cqueues.sleep,
  }
end

local function resume(thread)
  local ok, problem = coroutine.resume(thread)
  if not ok then error(debug.traceback(thread, problem), 0) end
end

local function pause_by_timer(uv)
  return function(seconds)
    local thread, timer = coroutine.running(), uv.new_timer()
    timer:start(math.ceil(seconds * 1000), 0, function()
      timer:close()
      resume(thread)
    end)
    coroutine.yield()
  end
end

function hosts.luv()
  local uv = require "luv"
  return {
    go = function(f) resume(coroutine.create(f)) end,
    run = function()
      local guard = uv.new_timer()
      guard:start(LONGEST * 1000, 0, function() error("the loop has not come to its end", 0) end)
      guard:unref()
      uv.run()
      guard:close()
      uv.run() -- ends the guard
    end,
    pause = pause_by_timer(uv),
  }
end

function hosts.neovim()
  local vim = rawget(_G, "vim")
  local live = 0
  return {
    go = function(f)
      live = live + 1
      resume(coroutine.create(function()
        f()
        live = live - 1
      end))
    end,
    run = function(is_over)
      is_over = is_over or function() return live == 0 end
      assert(vim.wait(LONGEST * 1000, is_over, 5), "the loop has not come to its end")
    end,
    pause = pause_by_timer(vim.loop),
    has_no_sockets = true, -- it calls the editor's own function where it means its socket_connect
  }
end

--- copas before 2.0 has neither sleepers nor an end, and runs a thread as it is added.
function hosts.copas()
  local copas = require "copas"
  local gettime = require("socket").gettime
  local live = 0
  local host = {
    go = function(f)
      live = live + 1
      copas.addthread(function()
        f()
        live = live - 1
      end)
    end,
  }
  if copas.finished then
    host.run, host.pause = function() copas.loop() end, copas.pause or copas.sleep
    return host
  end
  function host.run(is_over)
    is_over = is_over or function() return live == 0 end
    local over = gettime() + LONGEST
    repeat
      copas.step(0.02)
      assert(gettime() < over, "the loop has not come to its end")
    until is_over()
  end
  local timer = assert(require("trailmark").new { key = "tm_live_x", loop = "copas" })
  function host.pause(seconds) timer:sleep(seconds) end
  return host
end

--- The README's own loop, on LuaSocket's select: TRAIL_ADAPTER is the file that has it.
function hosts.select()
  local adapter, run = dofile(os.getenv "TRAIL_ADAPTER")
  local timer = assert(require("trailmark").new { key = "tm_live_x", loop = adapter })
  return {
    loop = adapter,
    go = function(f) resume(coroutine.create(f)) end,
    run = run,
    pause = function(seconds) timer:sleep(seconds) end,
  }
end

return hosts
