--- The fault server, seen from a spec: a script of faults goes in, what the server saw comes out.
--
--     local server = faults.start()
--     local url = server:script { { faults.read, faults.send "HTTP/1.1 200", faults.reset } }
--     ... a call to url ...
--     server:seen().requests
--     server:stop()
--
-- A plan is a list of steps and belongs to one connection, in the order of their arrival; what its
-- bytes are is said here, the server (fault_server.c) only carries it out. It runs in another
-- process, which ends with this one.

local socket = require "socket"
local process = require "trailmark_testing".process

local LONGEST = 20 -- seconds; a server that says nothing for so long has hung
local PROGRAM = os.getenv "TRAIL_FAULT_SERVER" or "build/fault_server"

local faults = {}

-- Steps -------------------------------------------------------------------------------------------

-- fault_plan.h says what each does.
for _, verb in ipairs { "read", "await", "hold", "serve", "goodbye", "finish", "reset", "http2",
  "ping", "deaf" } do
  faults[verb] = { verb }
end

function faults.send(bytes) return { "send", bytes = bytes } end

--- Beneath TLS, where it breaks the record layer.
function faults.send_beneath(bytes) return { "send-beneath", bytes = bytes } end

function faults.times(count, bytes) return { "repeat", count, bytes = bytes } end

--- One byte in so many milliseconds.
function faults.drip(milliseconds, bytes) return { "drip", milliseconds, bytes = bytes } end

function faults.pause(milliseconds) return { "pause", milliseconds } end

function faults.read_part(size) return { "read-part", size } end

--- Serves, but kills so many percent of the exchanges at a random byte.
function faults.serve_badly(percent, seed) return { "serve-badly", percent, seed } end

--- TLS with an identity of fault_certificate.h; `newest` is a version's number (0x0302: 1.1).
function faults.handshake(identity, newest)
  return { "handshake", newest or 0, bytes = identity or "good" }
end

--- HTTP/2: an answer to the request read last. `length` is what it says of itself, nil nothing;
--- `open` leaves the stream open.
function faults.answer(status, body, length, open)
  return { "answer", status, length or -1, open and 0 or 1, bytes = body or "" }
end

function faults.reset_stream(code) return { "reset-stream", code } end

function faults.go_away(last_stream, code) return { "go-away", last_stream, code or 0 } end

-- What connections get that no plan is for, by scheme.
local WELL = {
  plain = { faults.serve },
  tls = { faults.handshake(), faults.serve },
  http2 = { faults.handshake(), faults.http2, faults.serve },
}

-- The server --------------------------------------------------------------------------------------

local Server = {}
Server.__index = Server

local function control_port(out)
  local said = ""
  repeat
    local more = process.read(out, LONGEST)
    if not more or more == "" then
      error("there is no fault server at " .. PROGRAM .. " (make check builds it): " .. said)
    end
    said = said .. more
  until said:find("\n", 1, true)
  return said:match("^control (%d+)\n")
end

function faults.start()
  local ca_file = os.tmpname()
  local pid, out, err = process.spawn({ PROGRAM, ca_file })
  local port = control_port(out)
  local control = assert(socket.connect("127.0.0.1", port))
  control:settimeout(LONGEST)
  control:setoption("tcp-nodelay", true)
  return setmetatable({ ca_file = ca_file, pid = pid, out = out, err = err, control = control },
    Server)
end

local function encode(plan, parts)
  parts[#parts + 1] = "plan\n"
  for _, step in ipairs(plan) do
    local line = table.concat(step, " ")
    parts[#parts + 1] = step.bytes and ("%s #%d\n"):format(line, #step.bytes) or line .. "\n"
    parts[#parts + 1] = step.bytes
  end
end

--- Begins a script: the first connection gets the first plan, and so on. Those after the last are
--- served well, or with `about.every` get the last plan again.
---@param about? { scheme: "plain"|"tls"|"http2"|nil, every: boolean|nil }
---@return string url of a listener of the script's own
function Server:script(plans, about)
  about = about or {}
  local scheme = about.scheme or "plain"
  local parts = { "script\n" }
  encode(WELL[scheme], parts)
  for _, plan in ipairs(plans) do encode(plan, parts) end
  parts[#parts + 1] = about.every and "go every\n" or "go\n"
  assert(self.control:send(table.concat(parts)))
  local port = assert(self.control:receive("*l")):match("^port (%d+)$")
  return ("%s://127.0.0.1:%s"):format(scheme == "plain" and "http" or "https", port)
end

--- From now on connections are served well; with `all`, those that stand are ended.
function Server:calm(all)
  assert(self.control:send(all and "calm all\n" or "calm\n"))
  assert(self.control:receive("*l") == "calm")
end

--- What the server saw of this script. A request of which only a part came is in `partial`.
function Server:seen()
  local seen = { connections = 0, partial = 0, requests = {} }
  assert(self.control:send("report\n"))
  for line in function() return assert(self.control:receive("*l")) end do
    if line == "." then return seen end
    local what, connection, rest = line:match("^(%a+) (%d+) ?(.*)$")
    if what == "connection" then seen.connections = seen.connections + 1 end
    if what == "partial" then seen.partial = seen.partial + 1 end
    if what == "request" then
      local method, target, key, test, size = rest:match("^(%S+) (%S+) (%S+) (.-) (%d+)$")
      seen.requests[#seen.requests + 1] = {
        connection = tonumber(connection), method = method, target = target, size = tonumber(size),
        key = key ~= "-" and key or nil, test = test ~= "-" and test or nil,
      }
    end
  end
end

local function drain(fd)
  local parts = {}
  for more in function() return process.read(fd, LONGEST) end do
    if more == "" then break end
    parts[#parts + 1] = more
  end
  process.close(fd)
  return table.concat(parts)
end

--- Ends it; what it complained of is an error.
function Server:stop()
  self.control:close()
  local said = drain(self.out) .. drain(self.err)
  local code, signal = process.wait(self.pid)
  os.remove(self.ca_file)
  if code ~= 0 or said ~= "" then
    error(("the fault server ended with %s: %s"):format(code or "signal " .. signal, said))
  end
end

return faults
