--- One run of a scenario, in a Lua state of its own: memory runs out, and what comes of it is
-- judged.
--
-- A run is fine when it gave the answer that it gives with memory at hand, or told of the failure:
-- by Lua's own error or by an error of ours of a kind that fits. No write may be told as not sent
-- or as rejected that the server has seen. Afterwards the same client answers the next call.

-- LuaJIT's compiler crashes where it finds no memory itself (its issues 52, 1247 and 1298), which
-- is nothing that we could mend: its interpreter runs what is swept.
local compiler = rawget(_G, "jit")
if compiler and os.getenv "SWEEP_OF" ~= "descriptors" then compiler.off() end

local testing = require "trailmark_testing"

local oom, process = testing.oom, testing.process

local socket = require "socket"

local MEMORY = "not enough memory"
local DESCRIPTORS = os.getenv "SWEEP_OF" == "descriptors"
local TIMEOUT = 8 -- seconds, of an attempt: what nobody is told of ends by it

-- Errors ------------------------------------------------------------------------------------------

--- A set of words.
local function set(words)
  local all = {}
  for _, word in ipairs(words) do all[word] = true end
  return all
end

-- What the contract has for want of memory; libcurl tells of it in many ways.
local KINDS = set { "network" }

local NOT_SEEN = set { "not_sent", "rejected" }

--- Where there are no more descriptors, an error says so, and what to raise.
local function names_remedy(env, err)
  if not DESCRIPTORS or env.mode ~= "on" then return true end
  local said = tostring(err)
  return (said:find("(ulimit -n)", 1, true) or said:find("Too many open files", 1, true)) ~= nil
end

--- What is wrong with an error of ours; nil where it fits.
local function judge_error(env, row, err)
  local errors = require "trailmark.errors"
  if not errors.is(err) then return "raised or returned " .. tostring(err) end
  local expected = row.error == err.kind
  if not (expected or KINDS[err.kind] or row.kinds and set(row.kinds)[err.kind]) then
    return "told of it as " .. tostring(err)
  end
  if not expected and not names_remedy(env, err) then return "has no remedy: " .. tostring(err) end
  if expected or not row.writes or not NOT_SEEN[err.outcome] then return nil end
  local writes = require("spec.oom.server").writes(env.url, env.mark)
  if writes > 0 then return ("told %s, but the server has seen it: %s"):format(err.outcome, err) end
end

local function is_memory(problem)
  return type(problem) == "string" and problem:find(MEMORY, 1, true) ~= nil
end

--- What is wrong with what was raised.
local function judge_raised(env, row, problem)
  if is_memory(problem) and not DESCRIPTORS then return nil end
  for _, part in ipairs(row.raises or {}) do
    if tostring(problem):find(part, 1, true) then return nil end
  end
  return judge_error(env, row, problem)
end

-- Answers -----------------------------------------------------------------------------------------

local function judge_data(env, row, data, response)
  if type(row.want) == "function" then return row.want(env, data, response) end
  local text = require("trailmark.json").encode(data)
  if text ~= row.want then return ("gave %s, not %s"):format(tostring(text), tostring(row.want)) end
end

--- What is wrong with the values of a call.
local function judge_values(env, row, failed, data, err, response)
  if err ~= nil then
    if failed == 0 and row.error ~= err.kind then return "has no cause: " .. tostring(err) end
    return judge_error(env, row, err)
  end
  if data == nil then return "told neither an answer nor an error" end
  if row.error then return "told an answer where there is none" end
  return judge_data(env, row, data, response)
end

--- What is wrong with the results of many calls; `one` judges the answer of each.
local function judge_results(env, row, failed, results, count)
  for i = 1, count do
    local result = results[i]
    if not result then return ("told nothing of call %d"):format(i) end
    local problem = judge_values(env, row, failed, result.data, result.err, result.response)
    if problem then return ("of call %d: %s"):format(i, problem) end
  end
end

-- The run -----------------------------------------------------------------------------------------

local Env = {}
Env.__index = Env

local function merged(defaults, more)
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(more or {}) do all[name] = value or nil end
  return all
end

--- Options of a client of the sweep's server.
function Env:options(more)
  return merged({
    base_url = self.url .. "/v1", key = "tm_live_0123456789abcdef", pace = "off",
    backoff = { base = 0.001, cap = 0.001 }, timeout = TIMEOUT, deadline = 2 * TIMEOUT,
  }, more)
end

function Env:client(more)
  local tm, err = require("trailmark").new(self:options(more))
  return tm, err
end

function Env:path(what) return ("/%s/%s"):format(what, self.mark) end

--- The next call on the same client, when memory is at hand again.
local function judge_next(env, row)
  local tm = env.tm
  if not tm or row.over then return nil end
  local data, err = tm:get(row.next or "/fine/" .. env.mark)
  if not data then return "the next call failed: " .. tostring(err) end
end

local function judge(env, row, fine, ...)
  local _, failed = oom.counts()
  if not fine then
    if failed == 0 then return "raised without a cause: " .. tostring((...)) end
    return judge_raised(env, row, (...))
  end
  if row.results then return judge_results(env, row, failed, (...), row.results) end
  return judge_values(env, row, failed, ...)
end

--- What is told where nobody else would see it may be told of want of memory; that is no news here.
-- It takes as much memory as io.stderr itself: none.
local function hush()
  local stderr = io.stderr
  io.stderr = { write = function(self, text, more, last) -- luacheck: ignore
    if not (is_memory(text) or is_memory(more)) then stderr:write(text, more, last or "") end
    return self
  end }
end

--- What fails in one run shall not be missing in the next.
local function refill(env)
  local core = require "trailmark.core"
  require "trailmark"
  core.refill_retries(env.url)
  core.refill_retries(env.http2_url)
end

local function run(row, env, mode, at)
  hush()
  if not row.bare then refill(env) end
  if row.prepare then row.prepare(env) elseif not row.bare then env.tm = assert(env:client()) end
  collectgarbage()
  local problem
  local function take(...) problem = judge(env, row, ...) end
  local began, me = socket.gettime(), process.id()
  take(oom.attempt(mode, at, row.run, env))
  if process.id() ~= me then process.exit(1) end -- a child that memory ran out in
  problem = problem or row.after and row.after(env) or judge_next(env, row)
  if socket.gettime() - began >= TIMEOUT then problem = problem or "something waited in vain" end
  if row.leave then oom.leave(mode, at) elseif env.tm and not row.over then env.tm:close() end
  return problem
end

return function(name, mode, at)
  local row = require("spec.oom.scenarios")[name]
  local env = setmetatable({
    url = os.getenv "OOM_URL", http2_url = os.getenv "OOM_HTTP2_URL",
    ca_file = os.getenv "OOM_CA_FILE", key_file = os.getenv "OOM_KEY_FILE",
    mode = mode,
    mark = ("%s-%s-%s"):format(name:gsub("%W+", "_"), mode, at),
  }, Env)
  return (run(row, env, mode, at))
end
