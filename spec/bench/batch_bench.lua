--- Many small GETs with 16 and 64 in flight over HTTP/1.1, and 64 over HTTPS with HTTP/2, beside a
-- C program on curl_multi_poll that makes the same requests of the same server and decodes nothing.
--
-- Ours goes through tm:map, which is also compared with tm:all and tm:send. Further peers:
-- LuaSocket, which has no concurrency and makes one request after the other, and lua-http with as
-- many coroutines as requests are to be in flight. Everybody takes turns in one run; each round's
-- ratio is of neighbours in time.

local core = require "trailmark.core"
local report = require "spec.bench.report"
local run = require "spec.bench.run"
local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 5
local CALLS = tonumber(os.getenv("CALLS")) or 20000
local PEER_CALLS = math.ceil(CALLS / 10) -- of the slower ones

local sb = assert(sandbox.start { https = true })
local path = "/bench/workspace"
local plain = sb.bench_url:match("^(http://[^/]+)")
local tls = sb.url:match("^(https://[^/]+)")

local items = {}
for i = 1, CALLS do items[i] = i end

-- Ours --------------------------------------------------------------------------------------------

local function request(i, decode)
  return { method = "GET", path = path, query = "item=" .. i, decode = decode }
end

local function check(result)
  if not result.data then error(tostring(result.err)) end
end

local ways = {}

function ways.map(tm, decode)
  local function make(i) return request(i, decode) end
  local _, summary = tm:map(items, make, { keep = "none", on_result = check })
  assert(summary.done == CALLS and summary.failed == 0)
end

function ways.all(tm, decode)
  local specs = {}
  for i = 1, CALLS do specs[i] = request(i, decode) end
  for _, result in ipairs(tm:all(specs)) do check(result) end
end

function ways.send(tm, decode)
  local calls = {}
  for i = 1, CALLS do calls[i] = tm:send(request(i, decode)) end
  for i = 1, CALLS do
    local data, err = calls[i]:wait()
    calls[i] = nil
    if not data then error(tostring(err)) end
  end
end

local function microseconds(way, tm, decode)
  collectgarbage()
  local began = core.now()
  ways[way](tm, decode)
  return (core.now() - began) / CALLS * 1e6
end

-- One row -----------------------------------------------------------------------------------------

local function measure(row)
  -- Unpaced, as the peers are.
  local tm = trailmark.assert(trailmark.new {
    base_url = row.origin, key = sb.key, pace = "off", concurrency = row.at_once,
    ca_file = row.ca_file,
  })
  local took = {}
  local function note(name, value)
    took[name] = took[name] or {}
    table.insert(took[name], value)
  end
  ways.map(tm)
  for _ = 1, ROUNDS do
    note("C", run.program("batch", row.origin .. path, sb.key, CALLS, row.at_once, row.ca_file)
      / CALLS * 1e6)
    note("bytes", microseconds("map", tm, false))
    note("decoded", microseconds("map", tm))
    if row.all_ways then
      note("all", microseconds("all", tm, false))
      note("send", microseconds("send", tm, false))
    end
    for name, peer in pairs(row.peers or {}) do
      note(name, peer(row) / PEER_CALLS * 1e6)
    end
  end
  tm:close()
  return took
end

local function tell(row)
  local took = measure(row)
  for _, name in ipairs { "bytes", "decoded", "all", "send" } do
    if took[name] then report.line(row.name .. "-" .. name, took[name], took.C) end
  end
  for _, name in ipairs { "lua-http", "luasocket" } do
    if took[name] then
      report.line(row.name .. "-against-" .. name, took.bytes, took[name], "us", name)
    end
  end
end

-- The peers in Lua, each with the fastest Lua that Debian has it for ----------------------------

local peers, missing = {}, {}

local function add(name, lua, peer)
  if lua then
    peers[name] = function(row) return peer(lua, row) end
    print(("%s runs on %s"):format(name, lua))
  else
    missing[#missing + 1] = name
  end
end

add("lua-http", run.find({ "luajit", "lua5.1" }, "http.client"), function(lua, row)
  local host, port = row.origin:match("//(.*):(%d+)$")
  return run.peer(lua, "lua_http", host, port, path, sb.key, PEER_CALLS, row.at_once)
end)
add("luasocket", run.find({ "luajit", "lua5.4" }, "socket.http"), function(lua, row)
  return run.peer(lua, "luasocket", row.origin .. path, sb.key, PEER_CALLS)
end)
if #missing > 0 then print("not installed: " .. table.concat(missing, ", ")) end

print(("Many GETs, %d calls a round, %d rounds; microseconds a call (median)"):format(CALLS,
  ROUNDS))
tell { name = "batch-16", origin = plain, at_once = 16, peers = peers }
tell { name = "batch-64", origin = plain, at_once = 64, peers = peers, all_ways = true }
tell { name = "batch-h2-64", origin = tls, at_once = 64, ca_file = sb.ca_file }
sb:stop()
