--- A Lua state that ends with everything under way that can be: `lua5.4 run.lua DRIVE ENDING`,
-- with URL in the environment. Calls are in flight, in line, backing off and waiting for a key; a
-- batch, a list and coroutines that sleep and close are in the middle.

package.preload["trailmark.core"] = require("trailmark_testing").worker.core -- so that there is one

local drivers = require "spec.support.drives.drivers"
local place = require "trailmark.place"
local trailmark = require "trailmark"

local drive, ending = arg[1], arg[2]

local loop_of, requests = nil, 0

local function client(options)
  local all = { key = "tm_live_0123456789abcdef", base_url = os.getenv "URL", pace = "off",
    backoff = { base = 60, cap = 60 }, loop = loop_of, concurrency = 50, on_event = function(event)
      if event.type == "request" then requests = requests + 1 end
    end }
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(trailmark.new(all))
end

local threads = {} -- that wait
local inner        -- a controller within that of cqueues

--- Runs in a coroutine of the loop.
local SPAWN = {
  fd = function(f) loop_of.spawn(f) end,
  worker = function(f) require("trailmark.loop.haproxy").spawn(f) end,
  uv = function(f) coroutine.wrap(f)() end,
  cqueues = function(f)
    inner = inner or require("cqueues").new()
    inner:wrap(f)
  end,
}

--- What hosts do to coroutines that they have no more use for, where they have a way to.
local function close_threads()
  local close = rawget(coroutine, "close")
  for _, thread in ipairs(close and threads or {}) do assert(close(thread)) end
end
local DROP = {
  fd = close_threads, uv = close_threads,
  worker = function() require("spec.support.drives.doorbell_loop").drop(threads) end,
  cqueues = function()
    inner:close()
    inner = nil
  end,
}

local function never() error "a call in flight was told to have ended" end

local kept = {} -- until the state ends

local function sends(tm)
  kept[#kept + 1] = tm:send { path = "/hold" }
  tm:send({ path = "/hold" }, never)
  tm:send({ method = "POST", path = "/hold", body = { n = 1 } }, never)
  tm:send({ method = "POST", path = "/busy", body = { n = 2 } }, never) -- backs off
  return 4
end

--- A list behind a coroutine of the caller's, whose second page is asked for.
local function generator(tm)
  local next_page = coroutine.wrap(function()
    local pager = tm:pager "/pages"
    coroutine.yield((pager:next()))
    never(pager:next())
  end)
  assert(next_page()[1] == 1)
  kept[#kept + 1] = next_page
  return 2
end

local function in_coroutines(tm)
  if not SPAWN[drive] then return 0 end
  local function spawn(f)
    SPAWN[drive](function()
      threads[#threads + 1] = coroutine.running()
      f()
    end)
  end
  spawn(function() tm:get "/hold" never() end)
  spawn(function() tm:all { { path = "/hold" }, { path = "/hold" } } never() end)
  spawn(function()
    tm:map({ 1, 2, 3, 4 }, function() return { path = "/hold" } end, { concurrency = 2 })
    never()
  end)
  spawn(function() tm:sleep(60) never() end)
  local closing = client()
  kept[#kept + 1] = closing:send { path = "/hold" }
  spawn(function() closing:close(60) end)
  if not place.YIELDS_IN_PCALL then return 6 end -- nor can a key function wait there
  local keyed = client { key = function() tm:get "/hold" never() end }
  spawn(function() keyed:get "/hold" end)
  spawn(function() keyed:get "/hold" end)
  kept[#kept + 1] = keyed
  return 7
end

local ENDINGS = {
  over = function() end,
  exit = function() os.exit(0, true) end,
  error = function() error "the end" end,
  callback = function(tm)
    tm:send({ path = "/fine" }, function() os.exit(0, true) end)
    tm:sleep(20)
  end,
  batch = function(tm)
    tm:map({ 1, 2, 3 }, function(i) return { path = i == 1 and "/fine" or "/hold" } end,
      { on_result = function() os.exit(0, true) end })
  end,
  --- All that waits is dropped and collected; calls go on to work, and then the state ends.
  dropped = function(tm)
    if DROP[drive] then DROP[drive]() end
    kept, threads = {}, setmetatable(threads, { __mode = "v" })
    collectgarbage()
    collectgarbage()
    assert(drive ~= "worker" or not next(threads), "a coroutine of the host's is held")
    local data, err = tm:get "/fine"
    assert(data, tostring(err))
    if drivers[drive].needs then os.exit(0, true) end -- a loop with calls under way has no end
  end,
}

drivers[drive].run(function(loop)
  loop_of = loop
  local tm = client()
  local wanted = sends(tm)
  if drive == "inline" then wanted = wanted + generator(tm) end
  wanted = wanted + in_coroutines(tm)
  local over = require("trailmark.core").now() + 15
  while requests < wanted do
    if inner then assert(inner:step(0)) end
    tm:sleep(0.002)
    assert(require("trailmark.core").now() < over, requests .. " of " .. wanted .. " are under way")
  end
  io.stdout:write "under way\n"
  io.stdout:flush()
  ENDINGS[ending](tm)
end)
