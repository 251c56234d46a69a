--- What specs do with a server program that they have started, be it nginx or HAProxy: they ask it,
-- read its log and look at its processes.
--
-- A kind of server is a table made by `kind`; a server of it has `port`, `folder`, `log_file` and
-- `child`, the process.

local host = require "trailmark.sandbox.host"
local socket = require "socket"

local LONGEST = 20 -- seconds

local host_server = {}

local Server = {}
Server.__index = Server

--- A table of methods that has these, too.
function host_server.kind()
  local Kind = setmetatable({}, Server)
  Kind.__index = Kind
  return Kind
end

--- Starts one by `launch()`, which returns it, or nil and why; once more where its port was taken.
function host_server.start(launch)
  local server, problem
  for _ = 1, 10 do
    server, problem = launch()
    if server or not problem:find("Address already in use", 1, true) then break end
  end
  return server or error(problem, 3)
end

--- A new folder that anybody may enter.
function host_server.folder()
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir -m 755 " .. folder))
  return folder
end

-- Requests ----------------------------------------------------------------------------------------

--- Sends a request; the connection, to be read from or closed.
function Server:open(path, more, method)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  connection:settimeout(LONGEST)
  local request = "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n"
  assert(connection:send(request:format(method or "GET", path, more or "")))
  return connection
end

local function unchunked(body)
  local parts = {}
  local at = 1
  while true do
    local size, from = body:match("^(%x+)\r\n()", at)
    if not size or tonumber(size, 16) == 0 then return table.concat(parts) end
    parts[#parts + 1] = body:sub(from, from + tonumber(size, 16) - 1)
    at = from + tonumber(size, 16) + 2
  end
end

--- The answer: status, body, head; nil and why where there is none.
function host_server.read(connection)
  local text, problem, part = connection:receive "*a"
  connection:close()
  text = text or part
  local head, body = text:match "^(.-\r\n)\r\n(.*)$"
  if not head then return nil, problem or "no answer" end
  if head:lower():find "transfer%-encoding: chunked" then body = unchunked(body) end
  return tonumber(head:match "^HTTP/1%.1 (%d+)"), body, head
end

function Server:get(path, more)
  return host_server.read(self:open(path, more))
end

function Server:post(path, body, more)
  local connection = self:open(path, ("Content-Length: %d\r\n%s"):format(#body, more or ""), "POST")
  assert(connection:send(body))
  return host_server.read(connection)
end

--- What it says on this path, which has to be well; without the last line feed.
function Server:says(path)
  local status, body = self:get(path)
  if status ~= 200 then
    error(("%s: %s %s\n%s"):format(path, tostring(status), tostring(body), self:errors()), 2)
  end
  return (body:gsub("\n$", ""))
end

-- Its log -----------------------------------------------------------------------------------------

--- What a file holds; nothing where there is none.
local function read_file(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a" or ""
  if file then file:close() end
  return text
end
host_server.read_file = read_file

--- The lines of its log; with a pattern those that match.
function Server:log(pattern)
  local lines = {}
  for line in read_file(self.log_file):gmatch "[^\n]+" do
    if not pattern or line:find(pattern) then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

--- Waits until its log has a line like this.
function Server:await_log(pattern)
  local over = socket.gettime() + LONGEST
  while self:log(pattern) == "" do
    assert(socket.gettime() < over, "the log does not say " .. pattern .. ":\n" .. self:log())
    socket.sleep(0.005)
  end
  return self:log(pattern)
end

-- Its processes -----------------------------------------------------------------------------------

--- Whether a process is there, and no zombie.
function host_server.lives(pid)
  local state = read_file(("/proc/%d/stat"):format(pid)):match "%) (%a)"
  return state ~= nil and state ~= "Z"
end

--- Waits until this is true; how long it took.
---@param longest? number  seconds
function host_server.await(what, check, longest)
  local before = socket.gettime()
  while not check() do
    assert(socket.gettime() < before + (longest or LONGEST), "in vain: " .. what)
    socket.sleep(0.002)
  end
  return socket.gettime() - before
end

local function count(pid, what)
  local pipe = assert(io.popen(("ls /proc/%d/%s 2>/dev/null | wc -l"):format(pid, what)))
  local found = tonumber(pipe:read "*l")
  pipe:close()
  return found
end

function host_server.descriptors(pid) return count(pid, "fd") end

function host_server.threads(pid) return count(pid, "task") end

--- Seconds in which threads of the process were ready to run and the machine had no processor for
-- them, as in own_time.lua.
function host_server.kept_waiting(pid)
  local pipe = assert(io.popen(("cat /proc/%d/task/*/schedstat"):format(pid)))
  local ns = 0
  for line in pipe:lines() do ns = ns + tonumber(line:match "^%d+ (%d+)" or 0) end
  pipe:close()
  return ns / 1e9
end

--- Sends a signal to its first process.
function host_server.signal(server, name)
  assert(os.execute(("kill -%s %d"):format(name, server.child.pid)))
end

Server.signal = host_server.signal

function Server:remove()
  os.execute("rm -rf -- " .. host.quote(self.folder))
end

return host_server
