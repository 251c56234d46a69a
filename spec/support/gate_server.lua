--- A server whose answers a spec lets go when it wants to, out of another process.
--
--     local gate = gate_server.start()
--     ... calls to gate.url .. "/hold/1" are taken, and not answered ...
--     gate:held()              --> { "GET /hold/1" }
--     gate:release "/hold/1"   -- that one is answered; without a path all are
--     gate:seen()              --> every request so far: { line =, key =, body = }
--     gate:stop()
--
-- Other paths are answered at once. An answer's status is 200 or what the path says (/status/503).
-- One process serves all connections, so it knows how many were held at a time.

local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local socket = require "socket"

local LONGEST = 20 -- seconds

-- The server's process ----------------------------------------------------------------------------

local Served = {}
Served.__index = Served

local function answer(connection, status, body)
  connection.socket:send(("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
    .. "Content-Length: %d\r\n\r\n%s"):format(status, #body, body))
end

local function path_of(request) return request.line:match "^%S+ (%S+)$" end

function Served:let_go(request)
  local path = path_of(request)
  local status = tonumber(path:match "/status/(%d+)" or 200)
  answer(request.connection, status, ('{"path":"%s"}'):format(path))
end

--- Takes those out of the held that `wanted` is true of.
function Served:take(wanted)
  local left, taken = {}, {}
  for _, request in ipairs(self.held) do
    local list = wanted(request) and taken or left
    list[#list + 1] = request
  end
  self.held = left
  return taken
end

local function line_of(request)
  return ("%s %s %s"):format(request.key or "-", request.line, request.body)
end

local COMMANDS = {
  release = function(self, path)
    local taken = self:take(function(request) return path == "" or path_of(request) == path end)
    for _, request in ipairs(taken) do self:let_go(request) end
    return { tostring(#taken) }
  end,
  open = function(self)
    self.open = true
    return {}
  end,
  reset = function(self)
    for _, request in ipairs(self:take(function() return true end)) do self:let_go(request) end
    self.seen, self.most, self.gone, self.open = {}, 0, 0, false
    return {}
  end,
  held = function(self)
    local lines = {}
    for i, request in ipairs(self.held) do lines[i] = line_of(request) end
    return lines
  end,
  seen = function(self)
    local lines = {}
    for i, request in ipairs(self.seen) do lines[i] = line_of(request) end
    return lines
  end,
  most = function(self) return { tostring(self.most) } end,
  gone = function(self) return { tostring(self.gone) } end,
  accepted = function(self) return { tostring(self.accepted) } end,
}

function Served:take_in(request)
  local path = path_of(request)
  local command, argument = path:match "^/%-(%a+)(.*)$"
  if command then
    return answer(request.connection, 200, table.concat(COMMANDS[command](self, argument), "\n"))
  end
  self.seen[#self.seen + 1] = request
  if path:find("^/hold") and not self.open then
    self.held[#self.held + 1] = request
    self.most = math.max(self.most, #self.held)
  else
    self:let_go(request)
  end
end

--- Whole requests out of what has come on a connection.
function Served:parse(connection)
  while true do
    local head, rest = connection.came:match "^(.-)\r\n\r\n(.*)$"
    if not head then return end
    local size = tonumber(head:match "[Cc]ontent%-[Ll]ength: (%d+)" or 0)
    if #rest < size then return end
    connection.came = rest:sub(size + 1)
    self:take_in {
      connection = connection, line = head:match "^(%S+ %S+)", body = rest:sub(1, size),
      key = head:match "[Ii]dempotency%-[Kk]ey: ([^\r\n]+)",
    }
  end
end

function Served:read(one)
  local connection = self.connections[one]
  local bytes, why, part = one:receive(65536)
  connection.came = connection.came .. (bytes or part)
  self:parse(connection)
  if why ~= "closed" then return end
  self.gone = self.gone + #self:take(function(request) return request.connection == connection end)
  self.connections[one] = nil
  one:close()
end

local function serve(listener)
  local self = setmetatable({
    held = {}, seen = {}, connections = {}, most = 0, gone = 0, accepted = 0,
  }, Served)
  listener:settimeout(0)
  while true do
    local all = { listener }
    for one in pairs(self.connections) do all[#all + 1] = one end
    for _, one in ipairs((socket.select(all))) do
      if one == listener then
        local accepted = listener:accept()
        if accepted then
          accepted:settimeout(0)
          accepted:setoption("tcp-nodelay", true)
          self.accepted = self.accepted + 1
          self.connections[accepted] = { socket = accepted, came = "" }
        end
      else
        self:read(one)
      end
    end
  end
end

-- The spec's side ---------------------------------------------------------------------------------

local Gate = {}
Gate.__index = Gate

local gate_server = {}

--- One that another process started. `ask(command)` returns the answer to a GET of "/-" and that,
-- where LuaSocket cannot be used.
function gate_server.attach(url, ask)
  if ask then
    return setmetatable({ url = url, ask = function(_, command) return ask(command) end }, Gate)
  end
  local control = assert(socket.connect("127.0.0.1", url:match ":(%d+)$"))
  control:settimeout(LONGEST)
  control:setoption("tcp-nodelay", true)
  return setmetatable({ url = url, control = control }, Gate)
end

function gate_server.start()
  local listener, url = raw_server.listen(512)
  local child = process.fork(function() serve(listener) end, listener:getfd())
  listener:close()
  local gate = gate_server.attach(url)
  gate.process = child
  return gate
end

function Gate:ask(command)
  assert(self.control:send(("GET /-%s HTTP/1.1\r\n\r\n"):format(command)))
  local size = 0
  for field in function() return assert(self.control:receive "*l") end do
    if field == "" then break end
    size = tonumber(field:match "^Content%-Length: (%d+)") or size
  end
  return size > 0 and assert(self.control:receive(size)) or ""
end

local function requests(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    local key, what, body = line:match "^(%S+) (%S+ %S+) ?(.*)$"
    list[#list + 1] = { line = what, key = key ~= "-" and key or nil, body = body }
  end
  return list
end

--- The requests that wait for their answers.
function Gate:held() return requests(self:ask "held") end

--- All requests so far.
function Gate:seen() return requests(self:ask "seen") end

--- Their lines alone.
function Gate:lines()
  local lines = {}
  for i, request in ipairs(self:seen()) do lines[i] = request.line end
  return lines
end

--- How many were held at a time, at most.
function Gate:most() return tonumber(self:ask "most") end

--- How many of the held were given up by their client.
function Gate:gone() return tonumber(self:ask "gone") end

--- How many connections there have been so far, with those that ask here.
function Gate:accepted() return tonumber(self:ask "accepted") end

--- Answers what is held, or what is held of a path; how many.
function Gate:release(path) return tonumber(self:ask("release" .. (path or ""))) end

--- From now on nothing is held.
function Gate:open()
  self:ask "open"
  return self:release()
end

--- Waits until so many are held, while the client moves: `move()` is called again and again.
function Gate:await(count, move)
  local over = socket.gettime() + LONGEST
  while #self:held() ~= count do
    move()
    if socket.gettime() > over then
      error(("%d requests are held, not %d"):format(#self:held(), count), 2)
    end
  end
end

--- As at its start; what is held is answered.
function Gate:reset() self:ask "reset" end

function Gate:stop()
  if self.control then self.control:close() end
  if not self.process then return end
  self.process:kill(process.KILL)
  local said = self.process:finish()
  assert(not said:find("fork failed", 1, true), said)
end

return gate_server
