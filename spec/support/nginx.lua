--- A real nginx for one spec, whose workers have the library's LuaJIT build.
--
--     local server = nginx.start {
--       locations = [[ location = /me { content_by_lua_block { ... } } ]],
--     }
--     local status, body = server:get "/me"
--     server:stop()
--
-- A worker says "ready" when it is, and ends when its master does not live any more.

local host = require "trailmark.sandbox.host"
local host_server = require "spec.support.host_server"
local process = require "spec.support.process"
local tmp = require "spec.support.tmp"

local TEMPLATE = [[
@PREAMBLE@
@USER@
worker_processes @WORKERS@;
worker_rlimit_nofile @FILES@;
daemon off;
pid nginx.pid;
error_log error.log notice;
env PATH;
@MAIN@
events { worker_connections @CONNECTIONS@; }
http {
  access_log off;
  default_type text/plain;
  keepalive_requests 1000000;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
  uwsgi_temp_path tmp; scgi_temp_path tmp;
  @PATHS@
  @HTTP@
  init_worker_by_lua_block {
    @WORKER@
    local ffi = require "ffi"
    pcall(ffi.cdef, "int getppid(void); void _exit(int);")
    local master = ffi.C.getppid()
    ngx.timer.every(0.5, function() if ffi.C.getppid() ~= master then ffi.C._exit(1) end end)
    io.stdout:write("ready ", ngx.worker.pid(), "\n")
    io.stdout:flush()
  }
  server {
    listen 127.0.0.1:@PORT@ backlog=4096;
    @LOCATIONS@
  }
  @TLS@
}
]]

local TLS = [[
  server {
    listen 127.0.0.1:%d ssl;
    ssl_certificate %s/cert.pem;
    ssl_certificate_key %s/key.pem;
    %s
  }
]]

local nginx = {
  read = host_server.read, await = host_server.await, lives = host_server.lives,
  descriptors = host_server.descriptors, threads = host_server.threads,
  kept_waiting = host_server.kept_waiting,
}

local Nginx = host_server.kind()

--- The folder of the LuaJIT build, and that of these sources.
local function build()
  local folder = os.getenv "TRAIL_NGINX_LIBRARY"
  local file = folder and io.open(folder .. "/trailmark/core.so", "rb")
  if not file then
    error("nginx needs the LuaJIT build: run this by `make check SPEC=spec/nginx`", 0)
  end
  file:close()
  return folder, folder:match "^(.*)/build/"
end

--- The lines of a configuration that say where Lua is found.
function nginx.paths()
  local library, sources = build()
  local lines = [[lua_package_path "%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;;";
  lua_package_cpath "%s/?.so;;";]]
  return lines:format(sources, sources, sources, library)
end

--- Its workers run as this process does, or as nobody, where that can be had.
local function user_line(preamble, as_nobody)
  local nobody = preamble:match "user nobody[^\n]*"
  if not nobody then return "" end
  return as_nobody and nobody or "user root root;"
end

local function config(opts, port)
  local programs = assert(host.find_programs(opts.nginx, false))
  local preamble = programs.preamble
  local values = {
    PREAMBLE = preamble:gsub("user [^\n]*", ""),
    USER = user_line(preamble, opts.as_nobody),
    WORKERS = tostring(opts.workers or 1),
    CONNECTIONS = tostring(opts.connections or 8192),
    FILES = tostring(opts.files or 16384),
    MAIN = opts.main or "",
    PATHS = nginx.paths(),
    HTTP = opts.http or "",
    WORKER = opts.init_worker or "",
    PORT = tostring(port),
    LOCATIONS = opts.locations or "",
    TLS = opts.tls and TLS:format(port + 1, opts.tls.folder, opts.tls.folder, opts.tls.text) or "",
  }
  return programs.nginx, (TEMPLATE:gsub("@(%u+)@", values))
end

local READY = [[http {
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
  uwsgi_temp_path tmp; scgi_temp_path tmp;
  init_worker_by_lua_block {
    @WATCH@
  }
]]

--- A configuration of somebody else's, changed where this machine and this run differ.
local function adapted(text, opts, port)
  local program, ours = config(opts, port)
  local watch = ours:match "init_worker_by_lua_block {\n(.-)\n  }\n  server"
  local path, cpath = ours:match "lua_package_path [^\n]*", ours:match "lua_package_cpath [^\n]*"
  text = text:gsub("load_module [^\n]*\n", ""):gsub("worker_processes [^\n]*\n", "")
    :gsub("error_log [^\n]*\n", ""):gsub("worker_rlimit_nofile [^\n]*\n", "")
    :gsub("lua_package_path [^\n]*", function() return path end)
    :gsub("lua_package_cpath [^\n]*", function() return cpath end)
    :gsub("listen [%d.:]*8080;", ("listen 127.0.0.1:%d;"):format(port))
    :gsub("http {\n", function() return (READY:gsub("@WATCH@", function() return watch end)) end)
  return program, ours:match "^(.-)events {" .. text
end

local function launch(opts)
  local port = host.random_port()
  local folder = host_server.folder()
  local program, text
  if opts.whole then
    program, text = adapted(opts.whole, opts, port)
  else
    program, text = config(opts, port)
  end
  tmp.write(folder .. "/nginx.conf", text)
  local arguments = { program, "-p", folder .. "/", "-c", folder .. "/nginx.conf" }
  local child = process.program(arguments, opts.env)
  local self = setmetatable({
    child = child, folder = folder, log_file = folder .. "/error.log",
    port = port, tls_port = port + 1,
    workers = opts.workers or 1, pids = {}, url = ("http://127.0.0.1:%d"):format(port),
  }, Nginx)
  local fine, problem = pcall(self.await_workers, self)
  if fine then return self end
  child:stop()
  problem = problem .. "\n" .. self:errors() .. child.complaint
  self:remove()
  return nil, problem
end

--- Starts it; it serves on return.
---@param opts { workers?: integer, locations?: string, http?: string, main?: string,
---  init_worker?: string, tls?: { folder: string, text: string }, as_nobody?: boolean,
---  env?: table, files?: integer, connections?: integer, whole?: string }
---  `whole` is a configuration instead of all but the process's own matters.
function nginx.start(opts)
  return host_server.start(function() return launch(opts) end)
end

--- Waits until as many workers as there are said that they are ready, since the last time.
function Nginx:await_workers(count)
  for _ = 1, count or self.workers do
    self.pids[#self.pids + 1] = tonumber(self.child:expect "ready (%d+)\n")
  end
end

--- The latest worker's pid.
function Nginx:pid() return self.pids[#self.pids] end

-- Its log and its end ---------------------------------------------------------------------------

local WORSE = { warn = true, error = true, crit = true, alert = true, emerg = true }

--- What is worse than a notice.
function Nginx:errors()
  local lines = {}
  for line in self:log():gmatch "[^\n]+" do
    local level = line:match "^%S+ %S+ %[(%a+)%]"
    if WORSE[level] or not level then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

--- Ends it and its workers; returns its exit code.
function Nginx:stop(signal)
  if not self.child.pid then return end
  self:signal(signal or "TERM")
  local _, code = self.child:finish()
  self:remove()
  return code
end

return nginx
