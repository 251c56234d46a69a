-- LuaSocket's socket.http: one request at a time, each on a connection of its own, for it has
-- neither concurrency nor keep-alive.
--
--     lua luasocket.lua URL KEY COUNT    ->  the seconds, then the microseconds of each request

local http = require "socket.http"
local socket = require "socket"

local url, key, count = arg[1], arg[2], tonumber(arg[3])
local headers = {
  ["Authorization"] = "Bearer " .. key, ["Accept"] = "application/json",
  ["Accept-Encoding"] = "gzip", ["User-Agent"] = "bench",
}

local function get(i)
  local parts = {}
  local function keep(chunk)
    parts[#parts + 1] = chunk
    return 1
  end
  local ok, status = http.request { url = url .. "?item=" .. i, headers = headers, sink = keep }
  assert(ok and status == 200 and #table.concat(parts) > 0, status)
end

for i = 1, 500 do get(i) end -- LuaJIT compiles what runs often
local began, took = socket.gettime(), {}
for i = 1, count do
  local before = socket.gettime()
  get(i)
  took[i] = ("%.1f"):format((socket.gettime() - before) * 1e6)
end
print(("%.6f\n%s"):format(socket.gettime() - began, table.concat(took, " ")))
