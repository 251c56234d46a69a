--- Carries out rows of faults: one call each, against a server that fails as the row says.
--
-- A row holds
--   name         what goes wrong
--   fault        the plan of each connection of the call (spec/support/faults.lua); or `plans`,
--                one a connection, those after the last served well
--   scheme       "plain" (default), "tls", "http2"
--   call         "get" (default), "post" (with an Idempotency-Key), "post_unkeyed", or a
--                function(tm) that returns what a call does
--   options      of the client, beside those in OPTIONS
--   kind, outcome  of the error, an array where the contract leaves a choice
--   data         where the call is to succeed all the same; with `kind`, where it may do either
--   attempts     how many the client reports
--   connections  how many the server accepted for them (default: as many; false: not counted)
--   fresh        the server ends the call's connections before the next one
--   wire         how many requests it saw, of which a part counts as one
--   within       seconds of its own that the call may take at most (default: LONGEST)
--   memory       bytes that the process may grow by at most meanwhile
--   check        function(result) for what is particular; result: data, err, response, seen
--   later        what the library lacks, so that the row is pending
-- and after each of them an ordinary call of the same client must work and no descriptor be left.

local assert = require "luassert"
local cjson = require "cjson"
local process = require "trailmark_testing".process
local own_time = require "spec.support.own_time"
local core = require "trailmark.core"
local trailmark = require "trailmark"

local rows = {}

-- Seconds. A row that is about time says its own.
local LONGEST = 4

local OPTIONS = {
  key = "tm_live_fault", pace = "off", retries = 1, backoff = { base = 0.001, cap = 0.001 },
  timeout = LONGEST, deadline = LONGEST,
}

-- A client's own bound on how long after its deadline a call may end.
rows.GRACE = 0.1

local CALLS = {
  get = function(tm) return tm:get("/thing") end,
  post = function(tm) return tm:post("/thing", { name = "x" }) end,
  post_unkeyed = function(tm)
    return tm:post("/thing", { name = "x" }, { idempotency_key = false })
  end,
}

function rows.client(server, url, options)
  local all = { base_url = url, ca_file = server.ca_file }
  for name, value in pairs(OPTIONS) do all[name] = value end
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(trailmark.new(all))
end

-- Measures ----------------------------------------------------------------------------------------

--- Sockets by what they are, so that one in another's place is told apart.
local function sockets()
  local set = {}
  for _, target in pairs(process.descriptors()) do
    if target:find("^socket:") then set[target] = true end
  end
  return set
end

local function count_new(before)
  local count = 0
  for target in pairs(sockets()) do
    if not before[target] then count = count + 1 end
  end
  return count
end

local function memory(field)
  for line in io.lines("/proc/self/status") do
    local kilobytes = line:match("^" .. field .. ":%s*(%d+)")
    if kilobytes then return kilobytes * 1024 end
  end
end

--- Forgets how much memory was once used; false where the kernel does not allow it.
local function forget_peak()
  local file = io.open("/proc/self/clear_refs", "w")
  if not file then return false end
  local written = file:write("5") and file:flush()
  file:close()
  return written
end

-- The sanitizers keep freed memory, so that growth says nothing.
local function can_measure_memory()
  return not (os.getenv "ASAN_OPTIONS") and forget_peak()
end

-- Expectations ------------------------------------------------------------------------------------

local function one_of(expected, got, what)
  if type(expected) ~= "table" then expected = { expected } end
  for _, value in ipairs(expected) do
    if value == got then return end
  end
  error(("%s is %s, not %s"):format(what, tostring(got), table.concat(expected, " or ")), 0)
end

local function check_failure(row, result)
  local err = result.err
  assert.is_not_nil(err, "the call succeeded with " .. tostring(cjson.encode(result.data)))
  one_of(row.kind, err.kind, "kind of <" .. tostring(err) .. ">")
  if row.outcome then one_of(row.outcome, err.outcome, "outcome of <" .. tostring(err) .. ">") end
end

local function check_success(row, result)
  assert.is_nil(result.err, tostring(result.err))
  assert.same(row.data, result.data)
end

local function check_counts(row, result)
  local about = result.err or result.response
  local seen = result.seen
  if row.attempts then
    assert.equal(row.attempts, about.attempts, "attempts of <" .. tostring(result.err) .. ">")
    local connections = row.connections == nil and row.attempts or row.connections
    if connections then assert.equal(connections, seen.connections, "connections") end
  end
  if row.wire then assert.equal(row.wire, #seen.requests + seen.partial, "requests on the wire") end
end

--- One key for all the attempts of a call.
local function check_keys(result)
  local keys = {}
  for _, request in ipairs(result.seen.requests) do
    if request.key then keys[request.key] = true end
  end
  local first = next(keys)
  assert.is_nil(first and next(keys, first), "the Idempotency-Key changed between attempts")
end

-- A row -------------------------------------------------------------------------------------------

local function plans_of(row)
  return row.plans or { row.fault }, { scheme = row.scheme, every = not row.plans }
end

local function perform(row, tm)
  local call = CALLS[row.call or "get"] or row.call
  local measured = row.memory and can_measure_memory()
  local before = measured and memory("VmRSS")
  local began = own_time()
  local data, err, response = call(tm)
  local elapsed = own_time() - began
  local grown = measured and memory("VmHWM") - before
  return { data = data, err = err, response = response, elapsed = elapsed, grown = grown }
end

local function check_result(row, result)
  local may_succeed = row.data ~= nil
  if row.kind and (result.err or not may_succeed) then
    check_failure(row, result)
  elseif may_succeed then
    check_success(row, result)
  end
  check_counts(row, result)
  check_keys(result)
  local within = row.within or LONGEST
  assert.is_true(result.elapsed <= within, ("took %.3f s of %.3f"):format(result.elapsed, within))
  if result.grown then
    assert.is_true(result.grown <= row.memory, ("grew by %d bytes"):format(result.grown))
  end
  if row.check then row.check(result) end
end

local function check_client_lives(server, tm, fresh)
  server:calm(fresh)
  local data, err = tm:get("/after", nil, { timeout = LONGEST, deadline = LONGEST, retries = 0 })
  assert.is_nil(err, "the client is not usable after: " .. tostring(err))
  assert.same({ fine = true }, data)
end

-- libcurl opens descriptors of its own at the first call and keeps them.
local warm = false

local function warm_up(server)
  if warm then return end
  local tm = rows.client(server, server:script {})
  assert(tm:get("/first"))
  tm:close()
  warm = true
end

function rows.check(server, row)
  warm_up(server)
  collectgarbage()
  local before = sockets()
  local url = server:script(plans_of(row))
  core.refill_retries(url) -- one row's failures are not the next one's
  local tm = rows.client(server, url, row.options)
  local result = perform(row, tm)
  result.seen = server:seen()
  check_result(row, result)
  check_client_lives(server, tm, row.fresh)
  tm:close()
  -- The one that served the last call may be kept for the next client.
  assert.is_true(count_new(before) <= 1, count_new(before) .. " connections were left over")
end

--- Whether the row is tried: `it`, or `pending` where the library lacks something.
function rows.it(row, it, pending)
  return row.later and pending or it
end

return rows
