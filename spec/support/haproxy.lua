--- A real HAProxy for one spec, whose workers have the library's build for Lua 5.3.
--
--     local server = haproxy.start {
--       lua = [[ core.register_service("me", "http", function(applet) ... end) ]],
--       frontend = [[ http-request use-service lua.me if { path /me } ]],
--     }
--     local status, body = server:get "/me"
--     server:stop()
--
-- It runs as Debian's does: a master that keeps its rights and its files, and workers of the user
-- haproxy in a chroot, with four threads. A worker ends when its master does not live any more.

local host = require "trailmark.sandbox.host"
local host_server = require "spec.support.host_server"
local process = require "spec.support.process"
local socket = require "socket"
local tmp = require "spec.support.tmp"
local unix = require "socket.unix"

local LONGEST = 20 -- seconds
local USR1, USR2 = 10, 12

-- The lines of Debian's haproxy.cfg that matter here come first.
local TEMPLATE = [[
global
  chroot @CHROOT@
  stats socket @FOLDER@/admin.sock mode 660 level admin
  user haproxy
  group haproxy
  daemon
  log stderr format raw local0 info
  nbthread @THREADS@
  @GLOBAL@
  lua-prepend-path @SOURCES@/?.lua
  lua-prepend-path @SOURCES@/?/init.lua
  lua-prepend-path @LIBRARY@/?.so cpath
  @LOAD@ @FOLDER@/spec.lua

defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s

frontend spec
  bind 127.0.0.1:@PORT@ backlog 4096
  @FRONTEND@
]]

-- What specs' services begin with.
local PRELUDE = [[
local trailmark = require "trailmark"
local function reply(applet, text, status)
  text = tostring(text)
  applet:set_status(status or 200)
  applet:add_header("content-length", #text)
  applet:start_response()
  applet:send(text)
end
local function service(name, f)
  core.register_service(name, "http", function(applet)
    local ok, text = pcall(f, applet)
    reply(applet, text, ok and 200 or 500)
  end)
end
]]

local haproxy = {
  read = host_server.read, await = host_server.await, lives = host_server.lives,
  descriptors = host_server.descriptors,
}

local Haproxy = host_server.kind()
local read_file = host_server.read_file

--- Why none of this can be had here, or nil.
function haproxy.missing()
  local pipe = assert(io.popen("id -u"))
  local user = pipe:read "*l"
  pipe:close()
  return user ~= "0" and "only root can start what enters a chroot" or nil
end

--- The folder of the build for Lua 5.3, and that of these sources.
local function build()
  local folder = os.getenv "TRAIL_HAPROXY_LIBRARY"
  local file = folder and io.open(folder .. "/trailmark/core.so", "rb")
  if not file then
    error("HAProxy needs the build for Lua 5.3: run this by `make check SPEC=spec/haproxy`", 0)
  end
  file:close()
  return folder, folder:match "^(.*)/build/" .. "/lua"
end

--- As many lines as there are names: each leads a path to the service of its name.
local function routes(names)
  local lines = {}
  for _, name in ipairs(names or {}) do
    lines[#lines + 1] = ("  http-request use-service lua.%s if { path /%s }"):format(name, name)
  end
  return table.concat(lines, "\n")
end

local function config(opts, folder, port)
  local library, sources = build()
  local values = {
    CHROOT = opts.chroot or "/var/lib/haproxy",
    THREADS = tostring(opts.threads or 4),
    GLOBAL = (opts.no_threads and "" or "insecure-fork-wanted\n  ") .. (opts.global or ""),
    LOAD = opts.per_thread and "lua-load-per-thread" or "lua-load",
    SOURCES = sources, LIBRARY = library, FOLDER = folder, PORT = tostring(port),
    FRONTEND = (opts.frontend or "") .. "\n" .. routes(opts.services),
  }
  local text = TEMPLATE:gsub("@(%u+)@", values)
  -- Workers that count what they run are to write it down at their end.
  if os.getenv "TRAIL_COVERAGE" then
    for _, word in ipairs { "chroot", "user", "group" } do
      text = text:gsub("  " .. word .. " [^\n]+\n", "")
    end
  end
  return text
end

--- The master is in systemd's mode, as Debian's unit starts it: that stays in the foreground.
local function launch(opts)
  local port, folder = host.random_port(), host_server.folder()
  tmp.write(folder .. "/spec.lua", PRELUDE .. (opts.lua or ""))
  local text = opts.whole and opts.whole(port, folder, build()) or config(opts, folder, port)
  tmp.write(folder .. "/haproxy.cfg", text)
  local command = ("exec haproxy -Ws -f %s/haproxy.cfg >>%s/log 2>&1"):format(folder, folder)
  local self = setmetatable({
    child = process.program({ "sh", "-c", command }, opts.env), folder = folder,
    log_file = folder .. "/log", port = port, url = ("http://127.0.0.1:%d"):format(port),
  }, Haproxy)
  local fine, problem = pcall(self.await_ready, self)
  if fine then return self end
  self:stop "KILL"
  return nil, problem
end

--- Starts it; it serves on return.
---@param opts { lua?: string, services?: string[], frontend?: string, global?: string,
---  threads?: integer, per_thread?: boolean, no_threads?: boolean, chroot?: string, env?: table,
---  whole?: fun(port: integer, folder: string, library: string, sources: string): string }
function haproxy.start(opts)
  return host_server.start(function() return launch(opts) end)
end

local function answers(port)
  local connection = socket.connect("127.0.0.1", port)
  if not connection then return false end
  connection:settimeout(LONGEST)
  connection:send "GET / HTTP/1.0\r\n\r\n"
  local line = connection:receive()
  connection:close()
  return line ~= nil
end

--- A worker is forked once all ports are its own: until then somebody else may answer on them.
function Haproxy:await_ready()
  haproxy.await("HAProxy", function()
    if not haproxy.lives(self.child.pid) then error(self:log(), 0) end
    return self:log "New worker" ~= "" and answers(self.port)
  end)
end

-- Its log and its processes -----------------------------------------------------------------------

--- What it complains of.
function Haproxy:errors()
  return self:log "ALERT" .. self:log "WARNING" .. self:log "Lua .*error"
end

--- The pids of its workers, in the order in which they were started.
function Haproxy:workers()
  local pids = {}
  for pid in self:log("New worker"):gmatch "New worker %((%d+)%) forked" do
    pids[#pids + 1] = tonumber(pid)
  end
  return pids
end

--- The latest worker's pid, which its master may tell after it has said something itself.
function Haproxy:pid()
  self:await_log "New worker"
  local pids = self:workers()
  return pids[#pids]
end

--- How many threads of a process are ours.
function haproxy.our_threads(pid)
  local command = "cat /proc/%d/task/*/comm 2>/dev/null | grep -c '^trailmark$'"
  local pipe = assert(io.popen(command:format(pid)))
  local count = tonumber(pipe:read "*l")
  pipe:close()
  return count
end

--- What the latest worker's CLI answers.
function Haproxy:command(line)
  local connection = assert(unix())
  connection:settimeout(LONGEST)
  assert(connection:connect(self.folder .. "/admin.sock"))
  assert(connection:send(line .. "\n"))
  local answer = assert(connection:receive "*a")
  connection:close()
  return (answer:gsub("\n+$", ""))
end

local function has_bit(mask, signal)
  return math.floor(tonumber(mask, 16) / 2 ^ (signal - 1)) % 2 == 1
end

--- Whether the master waits for signals: while it begins or reloads it loses them.
local function is_master(pid)
  local environment = read_file(("/proc/%d/environ"):format(pid))
  if not environment:find("HAPROXY_MWORKER_WAIT_ONLY=1", 1, true) then return false end
  local status = read_file(("/proc/%d/status"):format(pid))
  local blocked = status:match "SigBlk:%s*%x-(%x%x%x%x)\n"
  local caught = status:match "SigCgt:%s*%x-(%x%x%x%x)\n"
  for _, signal in ipairs { USR1, USR2 } do
    if has_bit(blocked, signal) or not has_bit(caught, signal) then return false end
  end
  return true
end

function Haproxy:signal(name)
  if name:find "^USR" then
    haproxy.await("the master", function() return is_master(self.child.pid) end)
  end
  host_server.signal(self, name)
end

-- A worker that counts what it runs is to come to its own end.
local END = os.getenv "TRAIL_COVERAGE" and "USR1" or "TERM"

--- Ends it and its workers.
function Haproxy:stop(signal)
  if not self.child.pid then return end
  local workers = self:workers()
  if haproxy.lives(self.child.pid) then self:signal(signal or END) end
  self.child:finish()
  for _, pid in ipairs(workers) do
    haproxy.await("a worker's end", function() return not haproxy.lives(pid) end)
  end
  self:remove()
end

return haproxy
