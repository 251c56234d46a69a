-- Debian's lua-curl (the binding of the FreePOPs project): one easy handle, reused.
--
--     lua lua_curl.lua URL KEY COUNT    ->  the seconds, then the microseconds of each request

local curl = require "curl"
local socket = require "socket"

local url, key, count = arg[1], arg[2], tonumber(arg[3])
local parts, took = {}, {}
local easy = curl.easy_init()
easy:setopt(curl.OPT_HTTPHEADER, {
  "Authorization: Bearer " .. key, "Accept: application/json", "Accept-Encoding: gzip",
  "User-Agent: bench",
})
easy:setopt(curl.OPT_WRITEFUNCTION, function(chunk)
  parts[#parts + 1] = chunk
  return #chunk
end)

local function get(i)
  parts = {}
  easy:setopt(curl.OPT_URL, url .. "?item=" .. i)
  easy:perform()
  assert(#table.concat(parts) > 0)
end

for i = 1, 500 do get(i) end -- which connects, and compiles what LuaJIT does
local began = socket.gettime()
for i = 1, count do
  local before = socket.gettime()
  get(i)
  took[i] = ("%.1f"):format((socket.gettime() - before) * 1e6)
end
print(("%.6f\n%s"):format(socket.gettime() - began, table.concat(took, " ")))
