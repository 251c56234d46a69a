--- A server on loopback that answers what a spec wants, byte by byte, out of another process.
--
--     local server = raw_server.start(function(connection, number)
--       local request = connection:request()
--       connection:say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
--     end)
--
-- The function runs once for each connection, in a process of its own; the connection is closed
-- when it returns. The server listens before `start` returns.

local socket = require "socket"
local process = require "spec.support.process"

local Connection = {}
Connection.__index = Connection

--- The next request: its first line, its headers by lower-case name, its body; nil at the end.
function Connection:request()
  local line = self.socket:receive("*l")
  if not line then return nil end
  local headers = {}
  for field in function() return self.socket:receive("*l") end do
    if field == "" then break end
    local name, value = field:match("^([^:]+):%s*(.-)%s*$")
    headers[name:lower()] = value
  end
  local size = tonumber(headers["content-length"] or 0)
  local body = size > 0 and self.socket:receive(size) or ""
  return { line = line, headers = headers, body = body }
end

function Connection:say(text)
  return self.socket:send(text)
end

--- A whole answer.
function Connection:answer(status, body, more)
  body = body or ""
  local head = "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
  return self:say(head:format(status, more or "", #body) .. body)
end

--- Waits until the client ends the connection.
function Connection:await_end()
  repeat local more = self.socket:receive(1) until not more
end

function Connection:reset()
  self.socket:setoption("linger", { on = true, timeout = 0 })
  self.socket:close()
end

local Server = {}
Server.__index = Server

local function serve(listener, handle, say)
  for number = 1, math.huge do
    local accepted = assert(listener:accept())
    accepted:setoption("tcp-nodelay", true) -- LuaSocket sends in parts
    say(("connection %d\n"):format(number))
    process.fork(function()
      handle(setmetatable({ socket = accepted }, Connection), number, say)
      accepted:close()
    end)
    accepted:close()
  end
end

local raw_server = {}

--- A listener nobody accepts from, on a port of `raw_server.reserve` where one is given.
function raw_server.listen(backlog, port)
  local listener = assert(socket.bind("127.0.0.1", port or 0, backlog or 64))
  port = select(2, listener:getsockname())
  return listener, ("http://127.0.0.1:%d"):format(port)
end

--- A port where nobody listens but who is given it: others are kept from it until the holder is
--- closed, whatever listener was there in between. Returns the holder, the URL and the port.
function raw_server.reserve()
  local holder = assert(socket.tcp4())
  assert(holder:setoption("reuseaddr", true))
  assert(holder:bind("127.0.0.1", 0))
  local _, port = holder:getsockname()
  return holder, ("http://127.0.0.1:%d"):format(port), tonumber(port)
end

---@param handle fun(connection, number: integer, say: fun(text: string))
function raw_server.start(handle)
  local listener, url = raw_server.listen()
  local child = process.fork(function(say)
    serve(listener, handle, say)
  end, listener:getfd())
  listener:close()
  return setmetatable({ url = url, process = child }, Server)
end

--- Waits until the server said something that matches.
function Server:expect(pattern)
  return self.process:expect(pattern)
end

--- Ends it; returns what it said.
function Server:stop()
  if self.process.pid then self.process:kill(process.KILL) end
  local said = self.process:finish()
  assert(not said:find("fork failed", 1, true), said)
  return said
end

--- How many connections it accepted; ends it.
function Server:connections()
  local _, count = self:stop():gsub("connection %d+\n", "")
  return count
end

raw_server.now = socket.gettime
return raw_server
