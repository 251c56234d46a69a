--- nginx with its Lua module: OpenResty, or the module alone.
--
-- A worker of nginx must never wait, so its calls are moved by a thread (see visitor.lua), and a
-- coroutine waits for that on a cosocket, which belongs to its request: when nginx ends the
-- request, it closes the cosocket. Where there are no cosockets a call can be started, but not
-- waited for.

local core = require "trailmark.core"
local ngx = package.loaded.ngx
local porter = require "trailmark.porter"
local queue = require "trailmark.queue"
local visitor = require "trailmark.visitor"

-- Found out by trying, on nginx 1.22 with the module 0.10.23; preread is a phase of the stream
-- module's. In ssl_client_hello_by_lua and ssl_session_fetch_by_lua there are cosockets, too, but
-- after a wait the handshake does not go on as it should: the latter needs an OpenSSL with a patch.
local WAITS = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  preread = true, ssl_cert = true,
}

local CONNECT, SEND = 5000, 5000 -- milliseconds
local IDLE = 60000               -- and how long a doorbell's connection is kept; each costs the
                                 -- worker two descriptors

local adapter = { new_porter = porter.new, greedy = true }

local function phase_name(phase)
  return phase == "ssl_cert" and "ssl_certificate_by_lua" or phase .. "_by_lua"
end

function adapter.waiter()
  local phase = ngx.get_phase()
  if WAITS[phase] then return true end
  return nil, ("nginx cannot wait for a call in %s: make it in a function that ngx.timer.at(0, ...)"
    .. " runs, or start it with tm:send and do not wait"):format(phase_name(phase))
end

--- Why no call can even be started here, or nil.
function adapter.refusal()
  local phase = ngx.get_phase()
  if phase == "init" then
    return "nginx has no workers yet in init_by_lua: make a client there, and its calls in"
      .. " init_worker_by_lua, in a function that ngx.timer.at(0, ...) runs"
  end
  if phase == "exit_worker" then return "nginx cannot begin a call in exit_worker_by_lua" end
end

function adapter.new_waiter(_, source, stays)
  return visitor.new(adapter, source, stays)
end

-- Each number has a pool for its one connection, so that one taken from there is known to the
-- worker as this number's.
local pools, pooled = setmetatable({}, { __mode = "k" }), 0

local function pool_of(number)
  local pool = pools[number]
  if pool then return pool end
  pooled = pooled + 1
  pool = { pool = "trailmark " .. pooled, pool_size = 1 }
  pools[number] = pool
  return pool
end

-- The connections of those who wait at the doorbell or stand guard: nginx closes them when it ends
-- the request.
local sockets = setmetatable({}, { __mode = "k" })

local function wait_for_ring(socket, number, at)
  local ok, why = true, nil
  if at or socket:getreusedtimes() == 0 then
    ok, why = socket:send(number:line(at))
  elseif not number:listen() then
    return true
  end
  if ok then ok, why = socket:receive() end
  return ok, why
end

function adapter.visit(address, number, at, seconds)
  local socket = ngx.socket.tcp()
  socket:settimeouts(CONNECT, SEND, seconds * 1000)
  local ok, why = socket:connect(address, pool_of(number))
  if not ok then return nil, why end
  sockets[number] = socket
  ok, why = wait_for_ring(socket, number, at)
  sockets[number] = nil
  if ok and visitor.has_room() then socket:setkeepalive(IDLE) else socket:close() end
  return ok and true, why
end

function adapter.guard(address, who)
  local socket = ngx.socket.tcp()
  if not address then return end
  if socket:connect(address, { pool = "trailmark guards" }) then sockets[who] = socket end
end

function adapter.unguard(who)
  local socket = sockets[who]
  sockets[who] = nil
  if socket then socket:close() end
end

function adapter.has_left(who)
  local socket = sockets[who]
  return socket ~= nil and not socket:getreusedtimes()
end

adapter.sleep = ngx.sleep

function adapter.background(f)
  return ngx.timer.at(0, f)
end

-- Callbacks: each in a timer of its own, for ngx.exit ends all that runs in one. There may not be
-- many timers, so beyond this one of them runs whatever else is due.
local APART = 64
local SOON = 1             -- seconds; a timer that has not begun by then will not
local TICK, IDLE_TICKS = 0.01, 100
local due, awaited = queue.new(), -SOON

local start

local function run_all()
  while due.count > 0 do ngx.thread.spawn(due:pop().f) end
end

local function share()
  local idle = 0
  while ngx.timer.running_count() > APART and idle < IDLE_TICKS do
    awaited, idle = core.now(), due.count > 0 and 0 or idle + 1
    run_all()
    ngx.sleep(TICK)
  end
  awaited = -SOON
end

local function run_due()
  awaited = -SOON
  if ngx.timer.running_count() > APART then share() end
  local one = due:pop()
  if due.count > 0 then start() end -- now, for the one may end this timer
  if one then one.f() end
  if due.count > 0 then start() end
end

function start()
  local now = core.now()
  if now < awaited + SOON then return end
  awaited = now
  if not ngx.timer.at(0, run_due) then run_all() end
end

function adapter.spawn(f)
  due:push { f = f, behind = false }
  start()
end

function adapter.report(message) ngx.log(ngx.ERR, message) end

local function is_caught()
  local level, frame = 3, debug.getinfo(3, "f")
  while frame and frame.func ~= pcall and frame.func ~= xpcall do
    level = level + 1
    frame = debug.getinfo(level, "f")
  end
  return frame ~= nil
end

--- An error object that nobody catches: nginx only says "unknown reason".
function adapter.raised(err)
  if not is_caught() then ngx.log(ngx.ERR, tostring(err)) end
end

local LEVELS = { error = ngx.ERR, info = ngx.NOTICE, debug = ngx.INFO }

function adapter.log(level, line)
  ngx.log(LEVELS[level], "trailmark: ", line)
end

return adapter
