--- HAProxy: the functions that it calls as actions, services, tasks and commands of its own.
--
-- A thread of HAProxy's must never wait, so calls are moved by one of ours (see visitor.lua), and a
-- coroutine waits for that on a socket of HAProxy's, at a doorbell with an abstract name: the
-- process is most likely in a chroot by then. When HAProxy drops the coroutine, it collects what
-- that held, the socket too, and the calls are cancelled.
--
-- HAProxy suspends what runs every so many instructions, anywhere; functions of this library are
-- not to be left in the middle, so they say that they are calm whenever they begin or go on.

local core = require "trailmark.core"
local porter = require "trailmark.porter"
local visitor = require "trailmark.visitor"

local haproxy = rawget(_G, "core")

local FOLDER = debug.getinfo(1, "S").source:gsub("loop/haproxy%.lua$", "")

local adapter = {
  new_porter = porter.new,
  abstract = true,    -- the doorbell's kind
  loses_files = true, -- after lua-load: what is to be read from files is read when a client is made
}

adapter.make_early = "; make the client while HAProxy loads Lua, before it enters its chroot"

local function calm() return core.calm(FOLDER) end

-- Where nothing can wait --------------------------------------------------------------------------

-- HAProxy does not tell in which of its functions a coroutine may not wait, so those are noted when
-- they are registered. Those registered before this file was loaded get HAProxy's own error.
local unable = setmetatable({}, { __mode = "k" }) -- function -> what HAProxy calls it

local function note(name, what)
  local register = haproxy[name]
  haproxy[name] = function(called, f, ...)
    if type(f) == "function" then unable[f] = ("the %s %s"):format(what, tostring(called)) end
    return register(called, f, ...)
  end
end

note("register_fetches", "fetch")
note("register_converters", "converter")

--- The function that HAProxy called.
local function outermost()
  local called
  for level = 3, math.huge do
    local info = debug.getinfo(level, "f")
    if not info then return called end
    called = info.func
  end
end

local LOADING = "HAProxy has no workers yet while it loads Lua: make a client there, and its calls"
  .. " in an action, a service or a task (core.register_task)"
local UNABLE = "HAProxy cannot wait for a call in %s: make it in an action before (http-request"
  .. " lua.name), which leaves what it learnt in a variable (txn:set_var)"
local OTHER = "HAProxy resumes its own coroutines alone: wait for a call in the function that it"
  .. " calls, not in a coroutine of yours"

local function is_loading()
  local thread, is_main = coroutine.running()
  return not thread or is_main
end

function adapter.waiter()
  if is_loading() then return nil, LOADING end
  if not calm() then return nil, OTHER end
  local within = next(unable) and unable[outermost()]
  if within then return nil, UNABLE:format(within) end
  return true
end

--- Why no call can even be started here, or nil.
function adapter.refusal()
  if is_loading() then return LOADING end
  calm()
end

adapter.no_worker = "; HAProxy lets its workers start no thread unless its section global says"
  .. " `insecure-fork-wanted`"

-- Waiting -----------------------------------------------------------------------------------------

function adapter.new_waiter(_, source, stays)
  return visitor.new(adapter, source, stays)
end

function adapter.visit(address, number, at)
  local socket = haproxy.tcp()
  local ok, why = socket:connect(address)
  if ok then ok, why = socket:send(number:line(at)) end
  if ok then ok, why = socket:receive() end
  socket:close()
  calm()
  if not ok then return nil, why end
  return true
end

function adapter.sleep(seconds)
  haproxy.msleep(math.max(math.ceil(seconds * 1000), 1))
  calm()
end

-- HAProxy's soft stop waits for sockets of Lua's, so nobody sleeps at one.
adapter.rest = adapter.sleep

-- Callbacks ---------------------------------------------------------------------------------------

local function begin(f)
  haproxy.register_task(function()
    calm()
    f()
  end)
end

adapter.spawn = begin

-- HAProxy takes a coroutine made in Lua for the state that loads its configuration: a task begun
-- there may crash the process.
local NO_TASK = "HAProxy begins no task for a coroutine of yours, and callbacks run in one: start"
  .. " the call in the function that HAProxy calls"

--- Why no callback can be asked for here, or nil.
function adapter.no_callback()
  if not calm() then return NO_TASK end
end

function adapter.background(f)
  if not calm() then return nil, NO_TASK end
  return pcall(begin, f)
end

-- The log -----------------------------------------------------------------------------------------

function adapter.report(message) haproxy.log(haproxy.err, message) end

local LEVELS = { error = haproxy.err, info = haproxy.notice, debug = haproxy.debug }

function adapter.log(level, line)
  haproxy.log(LEVELS[level], "trailmark: " .. line)
end

return adapter
