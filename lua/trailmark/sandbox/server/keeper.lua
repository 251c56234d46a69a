-- The keeper: the process between the caller and nginx. It ends nginx and
-- removes the sandbox's folder when it is told to or when the caller dies, by
-- whatever signal.
--
-- The process that `start` runs forks while nginx reads its configuration: the
-- child goes on as nginx, the parent stays behind as the keeper. It watches
--   - its standard output, a pipe to the caller: an error there means that the
--     caller is gone;
--   - the caller's process itself, since a fork of the caller may hold the pipe;
--   - the fifo `leash`: a line in it is the caller's `stop`;
--   - signals: SIGTERM ends it in order, SIGCHLD tells that nginx may have died.
-- It has a session of its own, so a terminal's Ctrl-C does not reach it, and
-- none of the caller's descriptors. Should it be killed itself, nginx
-- gets SIGTERM from the kernel.

local ffi = require("ffi")
local posix = require("trailmark.sandbox.server.posix")

local C = posix.C
local keeper = {}

local function say(line)
  C.write(1, line .. "\n", #line + 1)
end

local function remove(folder)
  os.execute("rm -rf -- '" .. folder .. "'")
end

-- Closes what the caller left open, all but nginx's configuration, which is being read.
local function close_inherited(folder)
  local kept = 3
  while kept < 65536 and posix.target(kept) ~= folder .. "nginx.conf" do
    kept = kept + 1
  end
  posix.close_range(3, kept - 1)
  posix.close_range(kept + 1, 2147483647)
end

-- Waits until nginx and its worker are gone: only then are their ports closed.
local function end_nginx(pid)
  C.kill(-pid, posix.SIGKILL)
  C.kill(pid, posix.SIGKILL) -- it may not lead its own group yet
  repeat
    local ended = C.waitpid(-1, nil, 0)
  until ended < 0 and ffi.errno() ~= posix.EINTR
end

-- Every event source, and what to do when it fires: a true result ends the watch.
local function sources(caller, ready, leash)
  local signals = posix.take_signals()
  local list = {
    { fd = 1, events = 0, fired = function() return true end },
    { fd = leash, events = posix.POLLIN, fired = function() return true end },
    { fd = signals, events = posix.POLLIN, fired = function()
      local signal = posix.next_signal(signals)
      return signal == posix.SIGTERM or signal == posix.SIGCHLD and posix.child_has_ended()
    end },
  }
  list[4] = { fd = ready, events = posix.POLLIN, fired = function()
    list[4].events = 0
    list[4].fd = -1
    say("ready")
  end }
  local process, errno = posix.watch_process(caller)
  if process then
    list[5] = { fd = process, events = posix.POLLIN, fired = function() return true end }
  end
  return list, not process and errno ~= posix.ESRCH
end

local function watch(list, caller, must_ask)
  local polled = ffi.new("struct trail_pollfd[5]")
  while true do
    for i, source in ipairs(list) do
      polled[i - 1].fd, polled[i - 1].events = source.fd, source.events
    end
    -- Kernels without pidfd_open: ask once a second.
    local count = C.poll(polled, #list, must_ask and 1000 or -1)
    if must_ask and C.kill(caller, 0) ~= 0 and ffi.errno() == posix.ESRCH then
      return
    end
    for i, source in ipairs(list) do
      if count > 0 and polled[i - 1].revents ~= 0 and source.fired() then
        return
      end
    end
  end
end

local function run(nginx, folder, caller, ready, leash)
  local null = C.open("/dev/null", posix.O_RDWR)
  C.dup2(null, 0)
  C.dup2(null, 2)
  C.close(null)
  C.setsid()
  posix.adopt_orphans()
  local list, must_ask = sources(caller, ready, leash)
  -- A caller that died before we could watch it has left us to another parent.
  if C.getppid() == caller then
    watch(list, caller, must_ask)
  end
  end_nginx(nginx)
  remove(folder)
  C._exit(0)
end

--- Forks. Returns in nginx only: a descriptor to write a byte to once requests are served.
---@param folder string the sandbox's folder, with a slash at its end
---@param caller integer process id of the caller
---@param ports integer[] where nginx is about to listen
---@return integer ready
function keeper.start(folder, caller, ports)
  for _, port in ipairs(ports) do
    if not posix.port_is_free(port) then -- nginx would try for two and a half seconds
      say("taken")
      remove(folder)
      C._exit(1)
    end
  end
  close_inherited(folder)
  local leash = C.open(folder .. "leash", posix.O_RDWR + posix.O_NONBLOCK)
  local ready, announce = posix.pipe()
  local nginx = C.fork()
  if nginx ~= 0 then
    C.close(announce)
    run(nginx, folder, caller, ready, leash)
  end
  posix.correct_nginx_pid()
  posix.die_with_parent(posix.SIGTERM)
  C.setsid()
  C.close(ready)
  C.close(leash)
  local null = C.open("/dev/null", posix.O_RDWR)
  C.dup2(null, 1)
  C.close(null)
  return announce
end

return keeper
