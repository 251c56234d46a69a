-- lua-http on cqueues: the memory of requests that were sent and not answered, each in a coroutine.
--
--     lua lua_http_flight.lua HOST PORT COUNT    ->  KiB of private memory they cost together

local client = require "http.client"
local cqueues = require "cqueues"
local new_headers = require "http.headers".new

local host, port, count = arg[1], tonumber(arg[2]), tonumber(arg[3])

local function private_kib()
  collectgarbage()
  collectgarbage()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^RssAnon:%s+(%d+)"
    if kib then return tonumber(kib) end
  end
end

local function request()
  local headers = new_headers()
  headers:append(":method", "GET")
  headers:append(":scheme", "http")
  headers:append(":authority", host .. ":" .. port)
  headers:append(":path", "/contacts")
  headers:append("authorization", "Bearer tm_live_0")
  headers:append("accept", "application/json")
  local connection = assert(client.connect { host = host, port = port, version = 1.1 })
  local stream = assert(connection:new_stream())
  assert(stream:write_headers(headers, true))
  stream:get_headers()
end

local loop = cqueues.new()
loop:wrap(request) -- what is made once is not counted
loop:wrap(function()
  cqueues.sleep(0.5)
  local before = private_kib()
  for _ = 1, count do loop:wrap(request) end
  cqueues.sleep(1.5)
  print(private_kib() - before)
  io.stdout:flush()
  os.exit(0)
end)
assert(loop:loop())
