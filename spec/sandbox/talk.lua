-- What the sandbox's specs talk to it with, independent of trailmark: HTTP/1.1
-- over LuaSocket, one request to a connection, and child processes that can be killed.

local cjson = require("cjson")
local socket = require("socket")

local talk = {}
local child = {}
child.__index = child

--- The port of a base URL.
function talk.port(url)
  return tonumber(url:match("^%a+://127%.0%.0%.1:(%d+)"))
end

--- A connection to the sandbox, nil where nobody listens.
function talk.connect(url)
  local connection = socket.tcp()
  connection:settimeout(10)
  local ok = connection:connect("127.0.0.1", talk.port(url))
  return ok and connection or nil
end

local function head(method, target, opts)
  local lines = { method .. " " .. target .. " HTTP/1.1", "Host: 127.0.0.1", "Connection: close" }
  if opts.key then
    lines[#lines + 1] = "Authorization: Bearer " .. opts.key
  end
  if opts.body then
    lines[#lines + 1] = "Content-Length: " .. #opts.body
  end
  for _, line in ipairs(opts.headers or {}) do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

--- Sends a request and leaves the answer for `talk.receive`.
function talk.send(sb, method, path, opts)
  opts = opts or {}
  local connection = assert(talk.connect(sb.http_url))
  local target = path:match("^/bench") and path or "/v1" .. path
  assert(connection:send(head(method, target, opts) .. (opts.body or "")))
  return connection
end

--- Reads an answer as text: status, headers by lower-case name, body, and the body decoded.
function talk.parse(text)
  local status, lines, body = text:match("^HTTP/1%.1 (%d+)[^\r\n]*\r\n(.-\r\n)\r\n(.*)$")
  if not status then
    return nil, text
  end
  local headers = {}
  for name, value in lines:gmatch("([^:\r\n]+): *([^\r\n]*)\r\n") do
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  local ok, json = pcall(cjson.decode, body)
  return { status = tonumber(status), headers = headers, body = body, json = ok and json or nil }
end

function talk.receive(connection)
  local text, _, partial = connection:receive("*a")
  connection:close()
  return talk.parse(text or partial)
end

--- One request with the sandbox's key (`opts.key = false` sends none); nil without an answer.
---@param opts { key: string|false|nil, headers: string[]?, body: string? }?
function talk.ask(sb, method, path, opts)
  opts = opts or {}
  local key = opts.key
  if key == nil then
    key = sb.key
  end
  return talk.receive(talk.send(sb, method, path,
    { key = key, headers = opts.headers, body = opts.body }))
end

--- Sends bytes as they are, returns all that comes back.
function talk.raw(url, bytes)
  local connection = assert(talk.connect(url))
  assert(connection:send(bytes))
  local text, _, partial = connection:receive("*a")
  connection:close()
  return text or partial
end

--- What a command prints, line by line.
function talk.lines(command)
  local lines, pipe = {}, assert(io.popen(command, "r"))
  for line in pipe:lines() do
    lines[#lines + 1] = line
  end
  pipe:close()
  return lines
end

--- The path of the interpreter that runs the specs.
function talk.interpreter()
  local first = 0
  while arg[first - 1] do
    first = first - 1
  end
  return talk.lines("command -v " .. arg[first])[1]
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Starts the interpreter on some code, as leader of a process group of its own. The child's
--- standard input waits for `nudge`. To be ended with `finish`, whatever happens.
---@param code string
---@param environment string? more environment, such as "NAME=value"
---@param runner string? a command that runs the interpreter, given as its arguments
function talk.child(code, environment, runner)
  local fifo = os.tmpname()
  os.execute("rm -f " .. fifo .. "; mkfifo " .. fifo)
  local input = assert(io.open(fifo, "r+"))
  local inner = ("echo $$; export LUA_PATH=%s LUA_CPATH=%s %s; exec %s %s -e %s"):format(
    quote(package.path), quote(package.cpath), environment or "", runner or "",
    quote(talk.interpreter()), quote(code))
  local command = ("exec setsid sh -c %s <%s 2>&1"):format(quote(inner), fifo)
  local output = io.popen(command, "r")
  local pid = tonumber(output:read("*l"))
  os.remove(fifo)
  return setmetatable({ pid = pid, input = input, output = output }, child)
end

--- Sends the child a signal, or its whole group (`group` true).
function child:kill(signal, group)
  os.execute(("kill -s %s -- %s%d"):format(signal, group and "-" or "", self.pid))
end

--- Lets the child's pending read go on.
function child:nudge()
  self.input:write("\n")
  self.input:flush()
end

--- Reads what the child prints as its next line, and fails with all of it where the line is not
--- `wanted` (a pattern).
function child:expect(wanted)
  local line = self.output:read("*l") or ""
  if not line:match(wanted) then
    error("the child said: " .. line .. "\n" .. self.output:read("*a"), 2)
  end
  return line:match(wanted)
end

--- Waits until the child ends; returns what it still had to say.
function child:rest()
  local text = self.output:read("*a")
  self.output:close()
  self.output = nil
  return text
end

--- Makes sure that the child is gone.
function child:finish()
  self.input:close()
  if self.output then -- not waited for: the process id is still the child's
    self:kill("KILL")
    self.output:close()
  end
end

--- Whether a Date header tells a time from `first` to `last`.
function talk.is_date(header, first, last)
  for time = first, last do
    if header == os.date("!%a, %d %b %Y %H:%M:%S GMT", time) then
      return true
    end
  end
  return false
end

--- Waits for what happens in another process without telling us; ten seconds at most.
function talk.eventually(happened)
  local deadline = socket.gettime() + 10
  while not happened() do
    if socket.gettime() > deadline then
      return false
    end
    socket.sleep(0.002)
  end
  return true
end

function talk.exists(path)
  local file = io.open(path, "r")
  if file then
    file:close()
  end
  return file ~= nil
end

--- Whether a process is alive (a dead one that nobody has waited for is not).
function talk.alive(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if not file then
    return false
  end
  local state = file:read("*l"):match("%) (%a)")
  file:close()
  return state ~= "Z"
end

--- nginx's process id.
function talk.nginx_pid(folder)
  local file = assert(io.open(folder .. "/nginx.pid"))
  local pid = file:read("*n")
  file:close()
  return ("%d"):format(pid)
end

return talk
