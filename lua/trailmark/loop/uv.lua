--- libuv: luv, and Neovim, which has it built in.
--
-- Any coroutine but the main program's can wait. In Neovim the callback of a poll is a fast
-- context, where the editor's functions cannot be called: there all is left to vim.schedule, and
-- the descriptor is not polled until that has run.

local running = require "trailmark.loop.thread"

local vim = rawget(_G, "vim")

--- luv runs its callbacks in the coroutine that has loaded it: one that is suspended then crashes.
local function load_luv()
  if running() then
    error("luv is to be loaded in the main program, not in a coroutine: require it there first", 0)
  end
  return require "luv"
end

local uv = vim and (vim.uv or vim.loop) or package.loaded.luv or package.loaded.uv or load_luv()

local function suspend() coroutine.yield() end

local function resume(thread)
  local ok, problem = coroutine.resume(thread)
  if not ok then error(debug.traceback(thread, tostring(problem)), 0) end
end

-- One handle: libuv takes a descriptor once. While it is stopped it keeps no loop going.
local poll, polled

local function poll_of(fd)
  if not poll or polled ~= fd or poll:is_closing() then
    poll, polled = assert(uv.new_poll(fd)), fd
  end
  return poll
end

local function watch(fd, step)
  local watched, handle = true, poll_of(fd)
  local function begin()
    if watched then assert(handle:start("r", step)) end
  end
  if vim then
    local turn = step
    step = function()
      handle:stop()
      vim.schedule(function()
        if watched then turn() end
        begin()
      end)
    end
  end
  begin()
  return function()
    watched = false
    if not handle:is_closing() then handle:stop() end
  end
end

--- An error goes where those of other callbacks go: luv ends the program with it.
local function report(message)
  if vim then return vim.notify(message, vim.log.levels.ERROR) end
  local timer = uv.new_timer()
  timer:start(0, 0, function()
    timer:close()
    error(message, 0)
  end)
end

return { waiter = running, suspend = suspend, resume = resume, watch = watch, report = report }
