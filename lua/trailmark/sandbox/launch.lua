-- Starts and ends a sandbox's processes.
--
-- One shell makes the private folder and becomes nginx, which forks off the
-- keeper (server/keeper.lua); our end of the shell's output pipe is the leash:
-- the keeper says "ready" through it, and ends everything when it breaks. So a
-- sandbox cannot outlive its caller from its first moment on. Nothing is
-- waited for by sleeping.

local cjson = require("cjson")
local config = require("trailmark.sandbox.config")
local host = require("trailmark.sandbox.host")

local launch = {}
launch.__index = launch

local ATTEMPTS = 20

-- Signals from a terminal go to the whole group of processes; these are the caller's to handle.
local script = [=[
exec </dev/null 2>&1
trap '' INT QUIT HUP
unset LUA_PATH LUA_CPATH LUA_INIT
umask 077
folder=$(mktemp -d "${TMPDIR:-/tmp}/trailmark-sandbox.XXXXXX") || exit 1
folder=$(cd "$folder" && pwd -P)
echo "folder $folder"
mkfifo "$folder/leash" && : >"$folder/orders" && : >"$folder/log" && : >"$folder/counts" || exit 1
cat >"$folder/settings.json" <<'END_OF_FILE'
@SETTINGS@
END_OF_FILE
cat >"$folder/nginx.conf" <<'END_OF_FILE'
@CONFIG@
END_OF_FILE
@CERTIFICATE@
export TRAILMARK_SANDBOX_ROOT=@ROOT@ TRAILMARK_SANDBOX_CALLER=$PPID
exec @NGINX@ -p "$folder/" -c "$folder/nginx.conf"
]=]

local certificate = [=[
cat >"$folder/openssl.cnf" <<'END_OF_FILE'
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
O = Trailmark sandbox
[extensions]
basicConstraints = critical, CA:TRUE
subjectAltName = DNS:localhost, IP:127.0.0.1
END_OF_FILE
openssl req -x509 -config "$folder/openssl.cnf" -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
  -nodes -sha256 -days 2 -keyout "$folder/key.pem" -out "$folder/cert.pem" || exit 1
]=]

-- The folder that holds trailmark/sandbox.
local function root()
  local source = debug.getinfo(1, "S").source:gsub("^@", "")
  return source:match("^(.*)/trailmark/sandbox/launch%.lua$") or "."
end

-- What is left where there was no keeper, or where it was killed.
local function remove(folder)
  local left = io.open(folder)
  if left then
    left:close()
    os.execute("rm -rf -- " .. host.quote(folder))
  end
end

local function fill(text, values)
  return (text:gsub("@(%u+)@", values))
end

local function command(programs, settings, ports)
  return fill(script, {
    SETTINGS = cjson.encode(settings),
    CONFIG = programs.preamble .. "\n" .. config.text(ports[1], ports[2], settings.workspace),
    CERTIFICATE = ports[2] and certificate or "",
    ROOT = host.quote(root()),
    NGINX = host.quote(programs.nginx),
  })
end

-- One to try for HTTP, another for HTTPS where that is wanted.
local function ports_to_try(tls)
  local ports = { host.random_port() }
  while tls and (not ports[2] or ports[2] == ports[1]) do
    ports[2] = host.random_port()
  end
  return ports
end

-- Reads until the keeper is ready, or until nginx gave up.
local function await(pipe)
  local folder, said = nil, {}
  for line in pipe:lines() do
    if line == "ready" then
      return folder
    elseif line:match("^folder ") then
      folder = line:match("^folder (.*)$")
    else
      said[#said + 1] = line
    end
  end
  pipe:close()
  if folder then
    remove(folder)
  end
  return nil, table.concat(said, "\n")
end

local function explain(said)
  if said:find("module 'cjson' not found", 1, true) then
    return "trailmark.sandbox cannot start: install lua-cjson (name of a Debian package),"
      .. " in the Lua 5.1 flavour that nginx uses"
  end
  return "trailmark.sandbox cannot start: " .. (said ~= "" and said or "nginx ended without a word")
end

--- Starts nginx on free loopback ports.
---@param settings table for the nginx side
---@param tls boolean
---@param wanted_nginx string?
---@return table|nil process `ports`, `folder`; to be ended with `stop`
---@return string|nil err
function launch.start(settings, tls, wanted_nginx)
  local programs, missing = host.find_programs(wanted_nginx, tls)
  if not programs then
    return nil, missing
  end
  local err
  for _ = 1, ATTEMPTS do
    settings.ports = ports_to_try(tls)
    local pipe = assert(io.popen(command(programs, settings, settings.ports), "r"))
    local folder, said = await(pipe)
    if folder then
      return setmetatable({
        ports = settings.ports, folder = folder, pipe = pipe, owner = host.process_id(),
      }, launch)
    end
    err = said
    -- Another process may have taken the port between our look and nginx's.
    if said ~= "taken" and not said:find("Address already in use", 1, true) then
      break
    end
  end
  return nil, explain(err)
end

--- Ends the processes and removes the folder; all of it is done on return. A fork of the process
--- that started them leaves them alone.
---@return boolean stopped
function launch:stop()
  if host.process_id() ~= self.owner then
    return false
  end
  if self.pipe then
    local pipe = self.pipe
    self.pipe = nil
    -- Read and write, so that a keeper which is gone already costs us no SIGPIPE.
    local leash = io.open(self.folder .. "/leash", "r+")
    if leash then
      leash:write("stop\n")
      leash:close()
    end
    pipe:close() -- waits for the keeper, which waits for nginx
    remove(self.folder)
  end
  return true
end

return launch
