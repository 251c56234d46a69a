--- What the charts show, measured: each function returns plain numbers.

local report = require "spec.bench.report"
local run = require "spec.bench.run"
local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"

local measure = {}

local LUA = os.getenv "TRAIL_LUA" or "lua"
local PROGRAMS = os.getenv "TRAIL_BENCH_PROGRAMS"
local ROUNDS = tonumber(os.getenv "ROUNDS") or 5

-- The clients -------------------------------------------------------------------------------------

local function has(command)
  local status = os.execute(command .. " >/dev/null 2>&1")
  return status == true or status == 0
end

local OLD = { "luajit", "lua5.1" } -- what some peers are packed for
local REQUESTS, FETCH = "python3 -c 'import requests'", "node -e 'fetch'"

local function peer(name) return "spec/bench/peers/" .. name end

--- A client: its name, how many requests it is given, and the words of its command; `at_once` is 1
--- where it has no more.
---@param server table  url, origin, host, port, path, key
---@return table[]
local function clients(server)
  local list = { {
    name = "trailmark", count = 6000,
    command = function(count, at_once)
      return LUA, peer "trailmark.lua", server.origin, server.path, server.key, count, at_once
    end,
  }, {
    name = "libcurl in C", count = 6000,
    command = function(count, at_once)
      if at_once == 1 then return PROGRAMS .. "/sequential", server.url, server.key, count end
      return PROGRAMS .. "/batch", server.url, server.key, count, at_once
    end,
  } }
  local function add(name, there, count, command, most)
    if there then
      list[#list + 1] = { name = name, count = count, command = command, most = most }
    end
  end
  local curl, http = run.find(OLD, "curl socket"), run.find(OLD, "http.client")
  local luasocket = run.find({ "luajit", "lua5.4" }, "socket.http")
  add("lua-curl", curl, 3000, function(count)
    return curl, peer "lua_curl.lua", server.url, server.key, count
  end, 1)
  add("lua-http", http, 2000, function(count, at_once)
    return http, peer "lua_http.lua", server.host, server.port, server.path, server.key, count,
      at_once
  end)
  add("LuaSocket", luasocket, 2000, function(count)
    return luasocket, peer "luasocket.lua", server.url, server.key, count
  end, 1)
  add("requests", has(REQUESTS), 1000, function(count, at_once)
    return "python3", peer "requests_pool.py", server.url, server.key, count, at_once
  end)
  add("fetch", has(FETCH), 2000, function(count, at_once)
    return "node", peer "fetch.mjs", server.url, server.key, count, at_once
  end)
  return list
end

local function serve()
  local sb = assert(sandbox.start {})
  local origin, path = sb.bench_url:match "^(http://[^/]+)(/.*)$"
  local host, port = origin:match "//(.*):(%d+)$"
  return sb, { url = sb.bench_url, origin = origin, host = host, port = port, path = path,
    key = sb.key }
end

-- Throughput and latency --------------------------------------------------------------------------

local function percentile(sorted, share)
  return sorted[math.max(1, math.ceil(#sorted * share))]
end

--- Median and spread of the rounds, in requests a second.
local function rate_of(rates)
  table.sort(rates)
  return { value = report.median(rates), low = rates[1], high = rates[#rates] }
end

local function measure_at(list, at_once)
  local rates, times = {}, {}
  for _ = 1, ROUNDS do
    for _, client in ipairs(list) do
      if at_once <= (client.most or at_once) then
        local seconds, took = run.times(client.command(client.count, at_once))
        rates[client.name] = rates[client.name] or {}
        times[client.name] = times[client.name] or {}
        table.insert(rates[client.name], client.count / seconds)
        for _, time in ipairs(took) do table.insert(times[client.name], time) end
      end
    end
  end
  return rates, times
end

--- Requests a second of every client that is installed, and the latency of one request at a time.
---@return table[] throughput  { at_once, rows = { { name, value, low, high } } }
---@return table[] latency     { name, values = { p50, p90, p99 } }, microseconds
function measure.clients()
  local sb, server = serve()
  local list = clients(server)
  local throughput, latency = {}, {}
  for _, at_once in ipairs { 1, 16, 64 } do
    local rates, times = measure_at(list, at_once)
    local rows = {}
    for _, client in ipairs(list) do
      local name = client.name
      if rates[name] then
        local row = rate_of(rates[name])
        row.name = name
        rows[#rows + 1] = row
      end
      if at_once == 1 then
        table.sort(times[name])
        latency[#latency + 1] = { name = name, values = { percentile(times[name], 0.5),
          percentile(times[name], 0.9), percentile(times[name], 0.99) } }
      end
    end
    throughput[#throughput + 1] = { at_once = at_once, rows = rows }
  end
  sb:stop()
  return throughput, latency
end

-- Memory ------------------------------------------------------------------------------------------

--- The clients that can have many requests in flight.
local function fliers()
  local flight = require "spec.bench.flight"
  local http = run.find(OLD, "http.client")
  local list = { { "trailmark", flight.ours }, { "libcurl in C", flight.libcurl } }
  if http then
    list[#list + 1] = { "lua-http", function(count) return flight.lua_http(http, count) end }
  end
  if has(REQUESTS) then list[#list + 1] = { "requests", flight.requests } end
  if has(FETCH) then list[#list + 1] = { "fetch", flight.fetch } end
  return list
end

--- KiB of private memory against calls in flight, the median of three rounds.
---@return table[]  { name, points = { { calls, KiB } } }
function measure.memory()
  local list = {}
  for i, client in ipairs(fliers()) do
    list[i] = { name = client[1], points = { { 0, 0 } } }
    for _, count in ipairs { 100, 500, 1000 } do
      local rounds = {}
      for round = 1, 3 do rounds[round] = client[2](count) end
      table.insert(list[i].points, { count, report.median(rounds) })
    end
  end
  return list
end

-- Pacing ------------------------------------------------------------------------------------------

measure.limit, measure.window = 120, 5

--- What of the window was used, as the server told it with each answer, while calls are made
-- without a pause.
local function paced(spread, seconds)
  local sb = assert(sandbox.start { limit = measure.limit, window = measure.window })
  local points, refused = {}, 0
  local tm = assert(sb:client {
    pace = { spread = spread }, concurrency = 4,
    on_event = function(event)
      if event.status == 429 then refused = refused + 1 end
      if event.type == "response" and event.rate then
        points[#points + 1] = { event.time, event.rate.limit - event.rate.remaining }
      end
    end,
  })
  local items = {}
  for i = 1, 4 * measure.limit do items[i] = i end
  tm:map(items, function() return { path = "/workspaces/me" } end,
    { batch_deadline = seconds, keep = "none" })
  tm:close()
  sb:stop()
  local first = points[1][1]
  for _, point in ipairs(points) do point[1] = point[1] - first end
  return points, refused
end

--- A window's use against time, with the usual spread and without one.
---@return table[]  { name, points = { { seconds, requests } }, refused }
function measure.pacing()
  local seconds, list = 3 * measure.window, {}
  for i, row in ipairs { { "spread = 0.25 (the default)", 0.25 }, { "spread = 0", 0 } } do
    local points, refused = paced(row[2], seconds)
    list[i] = { name = row[1], points = points, refused = refused }
  end
  return list
end

-- The machine -------------------------------------------------------------------------------------

local function first_line(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local line = pipe:read "*l"
  pipe:close()
  return line and line ~= "" and line or nil
end

--- What all of it ran on: { name, value }.
---@return table[]
function measure.machine()
  local list = {}
  local function add(name, value) if value then list[#list + 1] = { name, value } end end
  add("Processor", first_line "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo")
  add("Processors", first_line "nproc")
  add("Memory", first_line "awk '/MemTotal/ {printf \"%.1f GiB\", $2 / 1048576}' /proc/meminfo")
  add("Kernel", first_line "uname -sr")
  add("System", first_line ". /etc/os-release; echo $PRETTY_NAME")
  add("trailmark", trailmark._VERSION .. " on " .. (rawget(_G, "jit") and jit.version or _VERSION))
  add("libcurl", first_line "curl-config --version" or first_line "curl --version")
  add("Server", first_line "nginx -v 2>&1")
  for _, package in ipairs { "lua-curl", "lua-http", "lua-socket" } do
    add(package, first_line("dpkg-query -W -f='${Version}' " .. package))
  end
  add("requests", first_line("python3 -c 'import requests, platform;"
    .. " print(requests.__version__, \"on Python\", platform.python_version())'"))
  add("fetch", first_line "node --version | sed 's/^v/Node /'")
  add("Date", os.date "!%Y-%m-%d %H:%M UTC")
  return list
end

return measure
