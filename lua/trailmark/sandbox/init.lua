--- A local Trailmark for test suites and demos: nginx with its Lua module, on
-- free loopback ports, out of a temporary folder. It ends with the process that
-- started it, whatever ends that one.
--
--     local sb = assert(require("trailmark.sandbox").start())
--     local tm = sb:client()
--     sb:script{ { status = 503, match = "GET /workspaces/me" } }
--     tm:workspace()
--     print(#sb:log())         --> 2
--     sb:stop()
--
-- It serves what the guide documents (workspaces, keys and scopes, errors, rate
-- limit), and of its own, since the guide documents only workspaces: `/contacts`, a
-- paginated read-write collection with idempotency keys; `/billing`, which needs
-- `admin:full`; `/echo`, which answers with the request it got and needs no key.
-- Requests without a valid key spend nothing of the rate limit.

local check = require("trailmark.sandbox.check")
local host = require("trailmark.sandbox.host")

--- What `require "trailmark.sandbox"` returns.
---@class trailmark.sandbox
local sandbox = {}

--- A local Trailmark that runs.
---@class trailmark.Sandbox
---@field url string  base URL of the API: HTTPS where it was asked for
---@field http_url string  the same over HTTP
---@field bench_url string  a constant workspace for benchmarks: no Lua, no key, no limit kept
---@field key string  good for all of it
---@field ca_file? string  the certificate to trust, with `https`
---@field workspace_id string  of the workspace that `key` belongs to
---@field folder string  private, gone after `stop`
local Sandbox = {}
Sandbox.__index = Sandbox

local WORKSPACE = "ws_3kf9x2m7"

-- Finalizers of tables do not exist on Lua 5.1 and LuaJIT, those of proxies only there.
local function on_collect(self)
  local proxy = rawget(_G, "newproxy") and newproxy(true) -- luacheck: ignore
  if proxy then
    local process = self.process
    getmetatable(proxy).__gc = function() process:stop() end
    self.proxy = proxy
  end
end

Sandbox.__gc = function(self)
  self.process:stop()
end

local function new_key()
  return "tm_live_" .. host.random_hex(16)
end

--- Starts a sandbox; it is ready on return.
---@param opts? trailmark.sandbox.Options
---@return trailmark.Sandbox|nil sb
---@return string|nil err  what is missing; names Debian packages
function sandbox.start(opts)
  local given = check.fields(opts or {}, check.options, "trailmark.sandbox.start")
  local settings = {
    limit = given.limit or 600, window = given.window or 60, contacts = given.contacts or 0,
    scope = given.scope or "admin:full", reset_rounding = given.reset_rounding or "up",
    date_skew = given.date_skew or 0, log_limit = given.log_limit or 100000,
    workspace = WORKSPACE, key = new_key(),
  }
  -- Loads lua-cjson, which may be missing.
  local loaded, launch = pcall(require, "trailmark.sandbox.launch")
  if not loaded then
    return nil, select(2, host.find_programs(given.nginx, given.https)) or launch
  end
  local process, err = launch.start(settings, given.https or false, given.nginx)
  if not process then
    return nil, err
  end
  local base = "://127.0.0.1:%d/v1"
  local self = {
    process = process, folder = process.folder, settings = settings, seeded = settings.contacts,
    control = require("trailmark.sandbox.control").open(process.folder),
    key = settings.key, keys = { [settings.key] = true }, workspace_id = WORKSPACE,
    http_url = "http" .. base:format(process.ports[1]),
    bench_url = ("http://127.0.0.1:%d/bench/workspace"):format(process.ports[1]),
  }
  self.url = self.http_url
  if given.https then
    self.url = "https" .. base:format(process.ports[2])
    self.ca_file = process.folder .. "/cert.pem"
  end
  on_collect(self)
  return setmetatable(self, Sandbox)
end

--- Ends the sandbox: on return its ports are closed and its folder is gone. In a fork of the
--- process that started it, does nothing.
function Sandbox:stop()
  if self.process:stop() and self.control then
    self.control:close()
    self.control = nil
  end
end

local function controlled(self)
  if not self.control then
    error("the sandbox was stopped", 3)
  end
  return self.control
end

--- A client of this sandbox, with a budget of its own and retries after 20 ms at most; a 429 stops
--- it as elsewhere, for a second where it has no Retry-After.
---@param opts? trailmark.Options  goes over the sandbox's own
---@return trailmark.Client|nil tm
---@return trailmark.Error|nil err
function Sandbox:client(opts)
  local all = {
    base_url = self.url, key = self.key, ca_file = self.ca_file,
    backoff = { base = 0.005, cap = 0.02 }, pace = {},
  }
  for name, value in pairs(opts or {}) do
    all[name] = value
  end
  if opts and opts.key_file and not opts.key then
    all.key = nil
  end
  if type(all.pace) == "table" and not all.pace.scope then
    local pace = { scope = "sandbox-" .. self.key:sub(-16), shared = false }
    for name, value in pairs(all.pace) do
      pace[name] = value
    end
    all.pace = pace
  end
  return require("trailmark").new(all)
end

--- Environment for a command, to be put before it: the key and the HTTP base URL.
---@return string prefix  of a command line for a shell
function Sandbox:env()
  return ("TRAILMARK_API_KEY=%s TRAILMARK_BASE_URL=%s "):format(self.key, self.http_url)
end

--- Says how coming requests are answered. Each request takes the first step that matches it;
--- steps given before come first.
---@param steps trailmark.sandbox.Step[]
function Sandbox:script(steps)
  local list = {}
  if type(steps) ~= "table" or #steps == 0 then
    error("script: must be a list of steps", 2)
  end
  for i, step in ipairs(steps) do
    local what = ("script: step %d"):format(i)
    local copy = check.fields(step, check.step, what)
    check.sense(copy, what)
    copy.match = copy.match or "*"
    copy.times = copy.times == math.huge and -1 or copy.times or 1
    if copy.body ~= nil and not copy.status then copy.status = 200 end
    if type(copy.body) == "table" then
      copy.body = require("cjson").encode(copy.body)
    end
    list[i] = copy
  end
  controlled(self):give({ what = "script", steps = list })
end

--- The requests served since the start or the last reset, in order of arrival.
---@return trailmark.sandbox.Entry[] entries
function Sandbox:log()
  return controlled(self):read_log()
end

--- How many requests were served since the start or the last reset, and what they did.
---@return trailmark.sandbox.Counts counts
function Sandbox:counts()
  return controlled(self):read_counts()
end

--- How many contacts there are in the sandbox's own workspace.
---@return integer count
function Sandbox:contacts()
  local counts = controlled(self):read_counts()
  return self.seeded + counts.created - counts.deleted
end

--- Turns the log on or off; the counts go on.
---@param on boolean
function Sandbox:record(on)
  check.value(on, "boolean", "record: the argument")
  controlled(self):give({ what = "record", on = on })
end

--- Brings back the state of the start: its one key, limit, clock and contacts, a fresh window, an
--- empty log, no script. Requests still at work are not shown in the new log.
function Sandbox:reset()
  -- Tests make their server fail on purpose; what one used of the retry budget, the next one has.
  local core = package.loaded["trailmark.core"]
  if core then core.refill_retries(self.url) end
  controlled(self):reset()
  self.seeded, self.keys = self.settings.contacts, { [self.key] = true }
end

--- Adds contacts.
---@param count integer
function Sandbox:seed(count)
  check.value(count, "whole", "seed: the count")
  controlled(self):give({ what = "seed", count = count })
  self.seeded = self.seeded + count
end

--- Makes a key.
---@param scope trailmark.sandbox.Scope
---@param workspace? string  id of another workspace, made when it is used first
---@return string key
function Sandbox:make_key(scope, workspace)
  check.value(scope, "scope", "make_key: the scope")
  if workspace ~= nil then
    check.value(workspace, "string", "make_key: the workspace")
  end
  local key = new_key()
  self.keys[key] = true
  controlled(self):give({ what = "key", key = key, scope = scope, workspace = workspace })
  return key
end

--- Replaces a key; both are good for the overlap.
---@param key string
---@param overlap? number  seconds, default a day
---@return string key  the new one
function Sandbox:rotate(key, overlap)
  check.value(key, "string", "rotate: the key")
  overlap = overlap or 86400
  check.value(overlap, "offset", "rotate: the overlap")
  if not self.keys[key] then
    error("rotate: the sandbox has no such key", 2)
  end
  local fresh = new_key()
  self.keys[fresh] = true
  local ends = host.uptime() + overlap
  controlled(self):give({ what = "rotate", key = key, fresh = fresh, ends = ends })
  return fresh
end

--- Makes a key invalid at once.
---@param key string
function Sandbox:revoke(key)
  check.value(key, "string", "revoke: the key")
  if not self.keys[key] then
    error("revoke: the sandbox has no such key", 2)
  end
  controlled(self):give({ what = "revoke", key = key })
end

--- Changes the rate limit of every workspace. A new limit holds in the window that runs; a new
--- length begins a new window.
---@param limit integer
---@param window? number  seconds
function Sandbox:set_limit(limit, window)
  check.value(limit, "limit", "set_limit: the limit")
  if window ~= nil then
    check.value(window, "positive", "set_limit: the window")
  end
  controlled(self):give({ what = "limit", limit = limit, window = window })
end

--- Sets the server's clock, as told by Date and X-RateLimit-Reset.
---@param seconds number  seconds ahead of the true time; negative: behind
function Sandbox:set_skew(seconds)
  check.value(seconds, "offset", "set_skew: the argument")
  controlled(self):give({ what = "skew", seconds = seconds })
end

return sandbox
