-- lua-http on cqueues, over HTTP/1.1: as many coroutines as requests are to be in flight, which
-- share out the work. Its request objects keep no connection, so each coroutine has one of its own.
--
--     lua lua_http.lua HOST PORT PATH KEY COUNT AT_ONCE
--
-- says the seconds that COUNT requests took and, with one at a time, the microseconds of each.

local client = require "http.client"
local cqueues = require "cqueues"
local new_headers = require "http.headers".new

local host, port, path, key = arg[1], tonumber(arg[2]), arg[3], arg[4]
local count, at_once = tonumber(arg[5]), tonumber(arg[6])

local function request_headers(i)
  local headers = new_headers()
  headers:append(":method", "GET")
  headers:append(":scheme", "http")
  headers:append(":authority", host .. ":" .. port)
  headers:append(":path", path .. "?item=" .. i)
  headers:append("authorization", "Bearer " .. key)
  headers:append("accept", "application/json")
  headers:append("accept-encoding", "gzip")
  headers:append("user-agent", "bench")
  return headers
end

local function get(connection, i)
  local stream = assert(connection:new_stream())
  assert(stream:write_headers(request_headers(i), true))
  local answer = assert(stream:get_headers())
  local body = assert(stream:get_body_as_string())
  assert(answer:get ":status" == "200" and #body > 0)
end

local next_item, took, connections = 0, {}, {}

local function work(which, last)
  local connection = connections[which]
  if not connection then
    connection = assert(client.connect { host = host, port = port, version = 1.1 })
    connections[which] = connection
  end
  while next_item < last do
    next_item = next_item + 1
    local item, before = next_item, cqueues.monotime()
    get(connection, item)
    took[item] = (cqueues.monotime() - before) * 1e6
  end
end

local loop = cqueues.new()

local function make(last)
  next_item, took = 0, {}
  for i = 1, at_once do loop:wrap(work, i, last) end
  local fine, problem = loop:loop()
  if not fine then error(tostring(problem)) end
end

make(500) -- which connects, and compiles what LuaJIT does
local began = cqueues.monotime()
make(count)
for i, time in ipairs(took) do took[i] = at_once == 1 and ("%.1f"):format(time) or "" end
print(("%.6f\n%s"):format(cqueues.monotime() - began, table.concat(took, " ")))
