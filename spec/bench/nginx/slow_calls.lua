--- A thousand slow calls in flight through one worker of nginx: how much longer than the service
-- they take, and what others who use the worker meanwhile notice of them.

local nginx = require "spec.support.nginx"
local report = require "spec.bench.report"
local socket = require "socket"

local CALLS, DELAY = 1000, 0.2 -- seconds that the service takes
local ROUNDS = tonumber(os.getenv "ROUNDS") or 7
local PROBES = 200

local service = nginx.start { locations = ([[
  location / { content_by_lua_block {
    ngx.sleep(%g)
    ngx.header.content_type = "application/json"
    ngx.say "{}"
  } }
]]):format(DELAY) }
local server = nginx.start {
  main = "env SERVICE;", env = { SERVICE = service.url },
  http = [[
    init_by_lua_block {
      local trailmark = require "trailmark"
      tm = trailmark.assert(trailmark.new { base_url = os.getenv "SERVICE", pace = "off",
        key = "tm_live_of_nobody_at_all", concurrency = 1000 })
      specs = {}
      for i = 1, 1000 do specs[i] = { path = "/" .. i } end
    }
  ]],
  locations = [[
    location = /unrelated { return 200 "ok"; }
    location = /calls { content_by_lua_block {
      ngx.update_time()
      local began = ngx.now()
      local results = tm:all(specs)
      for _, result in ipairs(results) do
        if result.err then error(tostring(result.err)) end
      end
      ngx.update_time()
      ngx.say(ngx.now() - began)
    } }
  ]],
}

--- The 99th percentile of what the unrelated location takes, in microseconds.
local function probe()
  local took = {}
  for i = 1, PROBES do
    local began = socket.gettime()
    server:says "/unrelated"
    took[i] = (socket.gettime() - began) * 1e6
  end
  table.sort(took)
  return took[math.ceil(PROBES * 0.99)]
end

server:says "/calls" -- connections are made
local batch, ideal, busy, idle = {}, {}, {}, {}
for round = 1, ROUNDS do
  idle[round] = probe()
  local connection = server:open "/calls"
  busy[round] = probe()
  local status, body = nginx.read(connection)
  if status ~= 200 then error(server:errors()) end
  batch[round], ideal[round] = tonumber(body) * 1e3, DELAY * 1e3
end
print(("%d calls of %g s in flight through one worker, %d rounds (median)"):format(CALLS, DELAY,
  ROUNDS))
report.line("nginx-slow-calls", batch, ideal, "ms", "ideal")
report.line("nginx-unrelated-p99", busy, idle, "us", "idle")
server:stop()
service:stop()
