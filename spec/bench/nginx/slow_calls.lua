--- A thousand slow calls in flight through one worker of nginx: how much longer than the service
-- they take, and what others who use the worker meanwhile notice of them; beside the same calls
-- made by bare cosockets, in light threads, and beside a worker that does nothing else.
--
-- Two kinds of others: one client that asks again as soon as it has its answer, and clients that
-- come every millisecond, whose waits count from when they were due. The first waits once, however
-- long the worker is busy; of the second all wait who come meanwhile.

local nginx = require "spec.support.nginx"
local report = require "spec.bench.report"
local socket = require "socket"

local CALLS, DELAY = 1000, 0.2 -- seconds that the service takes
local ROUNDS = tonumber(os.getenv "ROUNDS") or 7
local EVERY, IDLE = 0.001, 0.25 -- seconds

local service = nginx.start { locations = ([[
  location / { content_by_lua_block {
    ngx.sleep(%g)
    ngx.header["Content-Type"], ngx.header["Content-Length"] = "application/json", 2
    ngx.print "{}"
  } }
]]):format(DELAY) }

local HTTP = [[
  init_by_lua_block {
    local trailmark = require "trailmark"
    tm = trailmark.assert(trailmark.new { base_url = "http://127.0.0.1:@PORT@", pace = "off",
      key = "tm_live_of_nobody_at_all", concurrency = @CALLS@ })
    specs = {}
    for i = 1, @CALLS@ do specs[i] = { path = "/" .. i } end
    decode = require("cjson").decode
  }
]]

local LOCATIONS = [[
  location = /unrelated { return 200 "ok"; }
  location = /calls { content_by_lua_block {
    ngx.update_time()
    local began = ngx.now()
    for _, result in ipairs(tm:all(specs)) do
      if result.err then error(tostring(result.err)) end
    end
    ngx.update_time()
    ngx.say(ngx.now() - began)
  } }
  location = /bare { content_by_lua_block {
    local REQUEST = "GET /%d HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
      .. "Authorization: Bearer tm_live_of_nobody_at_all\r\n\r\n"
    local function get(i)
      local socket = ngx.socket.tcp()
      assert(socket:connect("127.0.0.1", @PORT@))
      assert(socket:send(REQUEST:format(i)))
      local size
      repeat
        local line = assert(socket:receive())
        size = tonumber(line:lower():match "^content%-length: (%d+)") or size
      until line == ""
      local body = assert(socket:receive(size))
      socket:setkeepalive(60000, 256)
      return decode(body)
    end
    ngx.update_time()
    local began, threads = ngx.now(), {}
    for i = 1, @CALLS@ do threads[i] = ngx.thread.spawn(get, i) end
    for i = 1, @CALLS@ do assert(ngx.thread.wait(threads[i])) end
    ngx.update_time()
    ngx.say(ngx.now() - began)
  } }
]]

local values = { PORT = tostring(service.port), CALLS = tostring(CALLS) }
local function fill(text) return (text:gsub("@(%u+)@", values)) end
local server = nginx.start { http = fill(HTTP), locations = fill(LOCATIONS) }

--- The 99th percentile of what the unrelated location takes until it is over, in microseconds;
-- `every`: one request is due each so many seconds.
local function probe(is_over, every)
  local took, due = {}, socket.gettime()
  repeat
    if every then
      socket.sleep(math.max(due - socket.gettime(), 0))
    else
      due = socket.gettime()
    end
    server:says "/unrelated"
    took[#took + 1] = (socket.gettime() - due) * 1e6
    if every then due = due + every end
  until is_over()
  table.sort(took)
  return took[math.ceil(#took * 0.99)]
end

local function idle(every)
  local over = socket.gettime() + IDLE
  return probe(function() return socket.gettime() > over end, every)
end

--- What is noticed while the calls of `path` are in flight, and how long these took.
local function busy(path, every)
  local connection = server:open(path)
  local noticed = probe(function()
    return #socket.select({ connection }, nil, 0) > 0
  end, every)
  local status, body = nginx.read(connection)
  if status ~= 200 then error(server:errors()) end
  return noticed, tonumber(body) * 1e3
end

for _, path in ipairs { "/calls", "/bare" } do server:says(path) end -- connections are made
local batch, bare, ideal = {}, {}, {}
local p99 = { { name = "unrelated" }, { name = "unrelated-due", every = EVERY } }
for _, row in ipairs(p99) do row.ours, row.bare, row.idle = {}, {}, {} end
for round = 1, ROUNDS do
  for _, row in ipairs(p99) do
    row.idle[round] = idle(row.every)
    row.ours[round], batch[round] = busy("/calls", row.every)
    row.bare[round], bare[round] = busy("/bare", row.every)
  end
  ideal[round] = DELAY * 1e3
end
print(("%d calls of %g s in flight through one worker, %d rounds (median)"):format(CALLS, DELAY,
  ROUNDS))
report.line("nginx-slow-calls", batch, ideal, "ms", "ideal")
report.line("nginx-slow-calls-bare", batch, bare, "ms", "bare")
for _, row in ipairs(p99) do
  report.line(("nginx-%s-p99"):format(row.name), row.ours, row.idle, "us", "idle")
  report.line(("nginx-%s-p99-bare"):format(row.name), row.ours, row.bare, "us", "bare")
end
server:stop()
service:stop()
