--- A server in another process whose connections die at random bytes, and what it has seen.
--
--     local server = storm.start { most = 1000, kill = 20, seed = 1 }
--     ... posts to server.url, each with an X-Test-Id below `most` ...
--     local seen = server:report()
--     seen[7].copies, seen[7].effects
--
-- What is counted, and how connections die: spec/support/testing/storm.c.

local socket = require "socket"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local serve = require "trailmark_testing".storm.serve

local storm = {}

local Storm = {}
Storm.__index = Storm

---@param opts { most: integer, kill: integer, seed: integer }  `kill`: percent of the exchanges
function storm.start(opts)
  local listener, url = raw_server.listen()
  local fd = listener:getfd()
  local child = process.fork(function() serve(fd, opts.most, opts.kill, opts.seed) end, fd)
  listener:close()
  return setmetatable({ url = url, port = tonumber(url:match "%d+$"), child = child }, Storm)
end

local function ask(self, what)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  connection:settimeout(20)
  assert(connection:send("GET " .. what .. " HTTP/1.1\r\n\r\n"))
  local answer = assert(connection:receive "*a")
  connection:close()
  return assert(answer:match "\r\n\r\n(.*)$", "the storm did not answer")
end

--- By test id: copies, effects, other_keys, heads_sent, key; `killed` and `silent` connections.
function Storm:report(what)
  -- Its own connection may be one of those that die.
  local fine, text
  for _ = 1, 20 do
    fine, text = pcall(ask, self, what or "/report")
    if fine then break end
  end
  assert(fine, text)
  local killed, silent = text:match "^killed (%d+) silent (%d+)\n"
  local seen = { killed = tonumber(killed), silent = tonumber(silent) }
  local pattern = "\n(%d+) (%d+) (%d+) (%d+) (%d+) (%S+)"
  for id, copies, effects, other_keys, heads_sent, key in text:gmatch(pattern) do
    seen[tonumber(id)] = {
      copies = tonumber(copies), effects = tonumber(effects), other_keys = tonumber(other_keys),
      heads_sent = tonumber(heads_sent), key = key ~= "-" and key or nil,
    }
  end
  return seen
end

--- From now on nothing dies.
function Storm:calm()
  return self:report "/calm"
end

function Storm:stop()
  self.child:stop()
end

return storm
