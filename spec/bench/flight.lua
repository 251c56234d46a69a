--- The memory of calls in flight: the growth of the private resident memory of a process of its
-- own, after a first call, while its requests have been sent to a server that takes connections and
-- never answers.

local run = require "spec.bench.run"
local socket = require "socket"

local flight = {}

local FLY = [[
  local trailmark = require "trailmark"
  local tm = assert(trailmark.new {
    base_url = origin, key = "tm_live_0123456789abcdef0123456789abcdef", pace = "off",
    concurrency = count + 1, timeout = 60,
  })
  local function send() return tm:send { method = "GET", path = "/contacts" } end
  local calls = { send() }
  tm:sleep(0.3)
  local before = private_kib()
  for i = 1, count do calls[i + 1] = send() end
  tm:sleep(1)
  print(private_kib() - before)
  io.stdout:flush()
  os.exit(0, false)
]]

-- Connections are made and requests taken in by the kernel; nobody accepts them.
local function silent_server()
  local server = assert(socket.tcp4())
  assert(server:bind("127.0.0.1", 0))
  assert(server:listen(4096))
  return server, select(2, server:getsockname())
end

--- KiB of so many calls of ours.
---@param count integer
---@return number
function flight.ours(count)
  local server, port = silent_server()
  local kib = run.code(FLY, { origin = "http://127.0.0.1:" .. port, count = count })
  server:close()
  return kib
end

--- What `measured(url, port)` says of a server of its own.
local function beside_server(measured)
  local server, port = silent_server()
  local kib = measured(("http://127.0.0.1:%d/contacts"):format(port), port)
  server:close()
  return kib
end

--- KiB of as many easy handles of libcurl's in a C program.
---@param count integer
---@return number
function flight.libcurl(count)
  return beside_server(function(url) return run.program("in_flight", url, "tm_live_0", count) end)
end

--- KiB of as many requests of lua-http's, each in a coroutine.
---@param lua string the interpreter
---@param count integer
---@return number
function flight.lua_http(lua, count)
  return beside_server(function(_, port)
    return run.peer(lua, "lua_http_flight", "127.0.0.1", port, count)
  end)
end

--- KiB of as many of Python's requests, each in a thread.
---@param count integer
---@return number
function flight.requests(count)
  return beside_server(function(url)
    return run.command("python3", "spec/bench/peers/requests_flight.py", url, count)
  end)
end

--- KiB of as many promises of Node's fetch.
---@param count integer
---@return number
function flight.fetch(count)
  return beside_server(function(url)
    return run.command("node", "--expose-gc", "spec/bench/peers/fetch_flight.mjs", url, count)
  end)
end

return flight
