--- What a handler of nginx costs that makes one call, beside others of the same nginx that get the
-- same answer in other ways: a bare cosocket, proxy_pass and, where it is installed,
-- lua-resty-http.
--
-- One worker; h2load asks over 1, 16 and 64 connections. All take turns in one run; each round's
-- ratio is of neighbours in time, and medians are printed. Ours decodes the answer into a table.

local h2load = require "spec.bench.h2load"
local nginx = require "spec.support.nginx"
local report = require "spec.bench.report"
local sandbox = require "trailmark.sandbox"

local ROUNDS = tonumber(os.getenv "ROUNDS") or 7
local SECONDS = tonumber(os.getenv "SECONDS") or 0.5 -- a measurement's, about

local LOCATIONS = [[
  location = /call { content_by_lua_block {
    local data, err = tm:get(path)
    if not data then error(tostring(err)) end
    ngx.say(data.id)
  } }
  location = /bare { content_by_lua_block {
    local socket = ngx.socket.tcp()
    assert(socket:connect("127.0.0.1", port))
    assert(socket:send(request))
    local size
    repeat
      local line = assert(socket:receive())
      size = tonumber(line:match "^Content%-Length: (%d+)") or size
    until line == ""
    local body = assert(socket:receive(size))
    socket:setkeepalive(60000, 256)
    ngx.say(body)
  } }
  location = /proxy {
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization "Bearer @KEY@";
    proxy_pass http://service@PATH@;
  }
  location = /has { content_by_lua_block { ngx.say(resty and 1 or 0) } }
  location = /resty { content_by_lua_block {
    local http = resty.new()
    local response, err = http:request_uri(url, { headers = headers, keepalive_pool = 256 })
    if not response then error(err) end
    ngx.say(cjson.decode(response.body).id)
  } }
]]

local HTTP = [[
  upstream service { server @HOST@:@PORT@; keepalive 256; }
  init_by_lua_block {
    trailmark = require "trailmark"
    port, path, url = @PORT@, "@PATH@", "@URL@"
    headers = { Authorization = "Bearer @KEY@", Accept = "application/json" }
    request = "GET @PATH@ HTTP/1.1\r\nHost: @HOST@\r\nAuthorization: Bearer @KEY@\r\n"
      .. "Accept: application/json\r\n\r\n"
    tm = trailmark.assert(trailmark.new {
      base_url = "http://@HOST@:@PORT@", key = "@KEY@", pace = "off", concurrency = 256,
    })
    local found
    found, resty = pcall(require, "resty.http")
    if not found then resty = nil end
    cjson = require "cjson"
  }
]]

local sb = assert(sandbox.start {})
local address, port, path = sb.bench_url:match "^http://([^/:]+):(%d+)(/.*)$"
local values = { HOST = address, PORT = port, PATH = path, KEY = sb.key, URL = sb.bench_url }
local function fill(text) return (text:gsub("@(%u+)@", values)) end
local server = nginx.start { http = fill(HTTP), locations = fill(LOCATIONS) }

local function rate(name, connections, requests)
  return h2load.rate(server.url .. "/" .. name, connections, requests)
end

local PEERS = { "bare", "proxy", server:says "/has" == "1" and "resty" or nil }

print(("A handler that makes one call, requests a second, %d rounds (median)"):format(ROUNDS))
for _, connections in ipairs { 1, 16, 64 } do
  local ours, theirs, requests = {}, {}, {}
  for _, peer in ipairs(PEERS) do
    theirs[peer] = {}
    requests[peer] = math.floor(rate(peer, connections, 2000) * SECONDS)
  end
  local mine = math.floor(rate("call", connections, 2000) * SECONDS)
  for round = 1, ROUNDS do
    ours[round] = 1e6 / rate("call", connections, mine)
    for _, peer in ipairs(PEERS) do
      theirs[peer][round] = 1e6 / rate(peer, connections, requests[peer])
    end
  end
  for _, peer in ipairs(PEERS) do
    report.line(("nginx-%s-%d"):format(peer, connections), ours, theirs[peer], "us", peer)
  end
end
if not PEERS[3] then print "  lua-resty-http is not installed here, so it is not measured" end
server:stop()
sb:stop()
