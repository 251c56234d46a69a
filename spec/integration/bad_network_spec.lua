-- Calls over a network that loses, doubles, reorders and delays packets, or falls silent: each ends
-- within its deadline with the right kind, and what it says of its outcome is compared with what the
-- server saw.
--
-- The network is a wire of our own between two namespaces (support/bad_wire.c); all of them are
-- there at once, since what they do is mostly to wait. TRAIL_CALLS says how many calls of each kind
-- cross those that let something through. The network knows nothing of Lua, so one Lua is enough.

local bad_wire = require "spec.support.bad_wire"
local trailmark = require "trailmark"

local SUITE = os.getenv "TRAIL_SUITE" or "net"
if SUITE ~= "net" and SUITE ~= "lua5.4" then return end

local CALLS = tonumber(os.getenv "TRAIL_CALLS") or 20
local LATE = 0.25 -- seconds of the client's own

-- The client --------------------------------------------------------------------------------------

local CLIENT = [[
  local core = require "trailmark.core"
  local own_time = require "spec.support.own_time"
  local trailmark = require "trailmark"
  local job = trailmark.decode(%q)
  local tm = assert(trailmark.new(job.options))
  for n, spec in ipairs(job.calls) do
    if spec.body and spec.body.note then spec.body.note = ("x"):rep(spec.body.note) end
    local began, own_began = core.now(), own_time()
    tm:send(spec, function(_, err, response)
      local result = { n = n, took = core.now() - began, own = own_time() - own_began }
      for _, name in ipairs { "kind", "outcome", "attempts", "retryable" } do
        result[name] = err and err[name]
      end
      if response then result.attempts = response.attempts end
      print((trailmark.encode(result)))
    end)
  end
  tm:close(job.options.deadline + 5)
]]

local function get(n) return { method = "GET", path = "/contacts", query = "n=" .. n } end

local function post(n, key)
  return { method = "POST", path = "/contacts", body = { name = "n=" .. n }, idempotency_key = key }
end

--- GETs, POSTs with a key and POSTs without one, in turn.
local function mix(count)
  local calls = {}
  for n = 1, 3 * count, 3 do
    calls[n], calls[n + 1], calls[n + 2] = get(n), post(n + 1), post(n + 2, false)
  end
  return calls
end

-- The rows ----------------------------------------------------------------------------------------

local BIG = 200000 -- bytes

-- `passes`: the share of calls that must succeed. `kind` and `outcome`: what every failure is.
-- `seen`: how many requests the server sees in all.
local ROWS = {
  { name = "loses 10 %", wire = { loss = 10 }, passes = 0.9 },
  { name = "loses 10 %, with HTTP/2", wire = { loss = 10 }, https = true, passes = 0.9 },
  { name = "reorders 30 %", wire = { reorder = 30, delay = 2 }, passes = 1 },
  { name = "doubles 30 %", wire = { duplicate = 30 }, passes = 1 },
  { name = "loses, doubles and reorders 10 %",
    wire = { loss = 10, duplicate = 10, reorder = 10, delay = 5 }, passes = 0.9 },
  { name = "takes 300 ms", wire = { delay = 300 }, options = { deadline = 60 }, passes = 1,
    least = 0.6 },
  { name = "takes 300 ms, with HTTP/2", wire = { delay = 300 }, https = true,
    options = { deadline = 60 }, passes = 1, least = 0.6 },
  { name = "takes longer than connecting may", wire = { delay = 300 }, calls = mix(2),
    options = { connect_timeout = 0.4, retries = 0 }, kind = "timeout", outcome = "not_sent",
    seen = 0 },
  { name = "takes longer than an attempt may", wire = { delay = 300 }, calls = mix(2),
    options = { timeout = 0.8, retries = 0 }, kind = "timeout", outcome = "unknown", seen = 6 },
  { name = "is silent from the start", wire = { cut_client = 0 }, calls = mix(2),
    options = { connect_timeout = 0.4, deadline = 1.5 }, kind = "timeout", outcome = "not_sent",
    seen = 0 },
  { name = "falls silent behind a POST", wire = { cut_client = 1 }, calls = { post(1) },
    options = { timeout = 0.5, deadline = 2 }, kind = "timeout", outcome = "unknown", seen = 1 },
  { name = "falls silent behind a POST without a key", wire = { cut_client = 1 },
    calls = { post(1, false) }, options = { timeout = 0.5, deadline = 2 }, kind = "timeout",
    outcome = "unknown", seen = 1 },
  { name = "falls silent within a request", wire = { cut_client = 50000 },
    calls = { { method = "POST", path = "/contacts", body = { name = "n=1", note = BIG },
      idempotency_key = false } },
    options = { timeout = 0.5, deadline = 2 }, kind = "timeout", outcome = "unknown" },
  { name = "falls silent within an answer", wire = { cut_server = 50000 }, calls = { get(1) },
    script = { { status = 200, body = ("x"):rep(BIG) } }, options = { timeout = 0.5, deadline = 2 },
    kind = "timeout", outcome = "done", seen = 1 },
  { name = "falls silent within an answer, with HTTP/2", wire = { cut_server = 50000 },
    https = true, calls = { get(1) }, script = { { status = 200, body = ("x"):rep(BIG) } },
    options = { timeout = 0.5, deadline = 2 }, kind = "timeout", outcome = "done", seen = 1 },
}

local function start(row)
  local world = bad_wire.start(row.wire, { https = row.https, limit = 100000 })
  if row.script then world.sandbox:script(row.script) end
  local options = {
    base_url = world.sandbox.url, key = world.sandbox.key, ca_file = world.sandbox.ca_file,
    pace = "off", timeout = 3, deadline = 12, backoff = { base = 0.005, cap = 0.02 },
  }
  for name, value in pairs(row.options or {}) do options[name] = value end
  row.world, row.deadline, row.calls = world, options.deadline, row.calls or mix(CALLS)
  row.client = world:client(CLIENT:format(trailmark.encode { options = options, calls = row.calls }))
end

-- The judgement -----------------------------------------------------------------------------------

local function results_of(row)
  local said, code, complaint = row.client:finish()
  assert.equal(0, code, complaint)
  local results, count = {}, 0
  for line in said:gmatch "[^\n]+" do
    local result = trailmark.decode(line)
    results[result.n], count = result, count + 1
  end
  assert.equal(#row.calls, count, "every call ends once")
  return results
end

--- By the number of its call, the entries of the server's log.
local function seen_by(row)
  local entries = row.world:seen()
  local seen = {}
  for n in ipairs(row.calls) do seen[n] = { created = 0 } end
  for _, entry in ipairs(entries) do
    local of = assert(seen[tonumber((entry.query .. entry.body):match "n=(%d+)")])
    of[#of + 1] = entry
    if entry.effect == "created" then of.created = of.created + 1 end
    of.fine = of.fine or entry.status and entry.status < 300
  end
  return seen, #entries
end

--- What is true of every call, whatever the network does.
local function check_truth(row, n, result, seen)
  local what = ("call %d of %s"):format(n, trailmark.encode(result))
  assert.is_true(result.own <= row.deadline + LATE, what)
  assert.is_true(#seen <= result.attempts, what .. ": more requests than attempts")
  assert.is_true(seen.created <= 1, what .. ": acted twice")
  if row.calls[n].idempotency_key == false then
    assert.is_true(#seen <= 1, what .. ": sent twice without a key")
    assert.falsy(result.retryable and result.outcome ~= "not_sent", what)
  end
  if not result.kind or result.outcome == "done" then assert.truthy(seen.fine, what) end
  if result.outcome == "not_sent" then assert.equal(0, #seen, what) end
  if not result.kind and row.calls[n].method == "POST" then assert.equal(1, seen.created, what) end
end

local function judge(row)
  local results = results_of(row)
  local seen, requests = seen_by(row)
  local passed = 0
  for n, result in ipairs(results) do
    check_truth(row, n, result, seen[n])
    if not result.kind then
      passed = passed + 1
      assert.is_true(result.took >= (row.least or 0))
    else
      local kinds = row.kind or "timeout network"
      assert.truthy(kinds:find(result.kind, 1, true), result.kind)
      if row.outcome then assert.equal(row.outcome, result.outcome) end
    end
  end
  assert.is_true(passed >= #results * (row.passes or 0), passed .. " calls passed")
  if not row.passes then assert.equal(0, passed) end
  if row.seen then assert.equal(row.seen, requests) end
end

describe("a network that", function()
  local missing = bad_wire.missing()

  setup(function()
    if missing then return end
    for _, row in ipairs(ROWS) do start(row) end
  end)

  teardown(function()
    for _, row in ipairs(ROWS) do
      if row.client then row.client:stop() end
      if row.world then row.world:stop() end
    end
  end)

  for _, row in ipairs(ROWS) do
    it(row.name, function()
      if missing then return pending("no namespaces or no tunnels here: " .. missing) end
      judge(row)
    end)
  end
end)
