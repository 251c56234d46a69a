--- What a service of HAProxy costs that makes one call, beside one that does the same by hand on
-- core.tcp, and beside HAProxy forwarding the request itself.
--
-- Two threads, a Lua state for each; h2load asks over 1, 16 and 64 connections. All take turns in
-- one run; each round's ratio is of neighbours in time, and medians are printed. A socket of
-- HAProxy's Lua cannot be kept for another request, so the one by hand connects each time. Ours
-- decodes the answer into a table.

local h2load = require "spec.bench.h2load"
local haproxy = require "spec.support.haproxy"
local report = require "spec.bench.report"
local sandbox = require "trailmark.sandbox"

local ROUNDS = tonumber(os.getenv "ROUNDS") or 7
local SECONDS = tonumber(os.getenv "SECONDS") or 0.5 -- a measurement's, about
local missing = haproxy.missing()
if missing then
  print("HAProxy is not measured: " .. missing)
  return
end

local LUA = [[
  local tm = trailmark.assert(trailmark.new {
    base_url = "http://@HOST@:@PORT@", pace = "off", concurrency = 256,
  })
  local request = "GET @PATH@ HTTP/1.0\r\nHost: @HOST@\r\nAuthorization: Bearer @KEY@\r\n"
    .. "Accept: application/json\r\n\r\n"
  service("call", function() return trailmark.assert(tm:get "@PATH@").id end)
  service("bare", function()
    local socket = core.tcp()
    assert(socket:connect("@HOST@", @PORT@))
    assert(socket:send(request))
    local answer = socket:receive "*a"
    socket:close()
    return assert(answer:match "^HTTP/1%.[01] 200 .-\r\n\r\n(.*)$")
  end)
]]

local FRONTEND = [[
  default_backend service
backend service
  http-request set-header Authorization "Bearer @KEY@"
  server service @HOST@:@PORT@
]]

local sb = assert(sandbox.start {})
local address, port, path = sb.bench_url:match "^http://([^/:]+):(%d+)(/.*)$"
local values = { HOST = address, PORT = port, PATH = path, KEY = sb.key }
local function fill(text) return (text:gsub("@(%u+)@", values)) end
local server = haproxy.start {
  threads = 2, per_thread = true, lua = fill(LUA), services = { "call", "bare" },
  frontend = fill(FRONTEND), env = { TRAILMARK_API_KEY = sb.key },
}

local PATHS = { call = "/call", bare = "/bare", proxy = path }
local PEERS = { "bare", "proxy" }

local function rate(name, connections, requests)
  return h2load.rate(server.url .. PATHS[name], connections, requests)
end

print(("A service that makes one call, %d rounds (median)"):format(ROUNDS))
for _, connections in ipairs { 1, 16, 64 } do
  local ours, theirs, requests = {}, { bare = {}, proxy = {} }, {}
  for name in pairs(PATHS) do
    requests[name] = math.floor(rate(name, connections, 1000) * SECONDS)
  end
  for round = 1, ROUNDS do
    ours[round] = 1e6 / rate("call", connections, requests.call)
    for _, peer in ipairs(PEERS) do
      theirs[peer][round] = 1e6 / rate(peer, connections, requests[peer])
    end
  end
  for _, peer in ipairs(PEERS) do
    report.line(("haproxy-%s-%d"):format(peer, connections), ours, theirs[peer], "us", peer)
  end
end
server:stop()
sb:stop()
