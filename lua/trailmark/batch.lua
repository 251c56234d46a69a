--- Many calls, a bounded number of them at a time: `tm:all` and `tm:map`.
--
-- Calls start as places come free, so each one's deadline counts from when it really starts. What
-- goes wrong with one item is that item's result and harms no other.

local checks = require "trailmark.checks"
local core = require "trailmark.core"
local errors = require "trailmark.errors"
local gap = require "trailmark.gap"
local group = require "trailmark.group"
local is_exhaustion = require "trailmark.exhaustion"
local is_interruption = require "trailmark.interruption"
local options = require "trailmark.options"
local place = require "trailmark.place"
local printable = require "trailmark.printable"

local batch = {}

--- What became of a call of `tm:all` or `tm:map`.
---@class trailmark.Result
---@field data any                       what the call alone would have returned
---@field err? trailmark.Error           what went wrong
---@field response? trailmark.Response   where the server answered
---@field skipped? true  the function gave no call for it, or the batch stopped before

--- What became of all of `tm:map`.
---@class trailmark.Summary
---@field done integer     items that have a result, good or bad
---@field failed integer   of them those with an error
---@field skipped integer  items without a call; done + skipped is all of them
---@field stopped boolean  by stop_when or batch_deadline
---@field reason? "stop_when"|"batch_deadline"  what stopped it

--- How far `tm:map` has come.
---@class trailmark.Progress
---@field done integer    results so far
---@field total integer   items
---@field failed integer  of the results, those with an error
---@field rate number   results a second, so far
---@field eta? number   seconds left at that rate

-- One run -----------------------------------------------------------------------------------------

local Run = {}
Run.__index = Run

local function argument(message)
  return errors.new { kind = "argument", message = message, outcome = "not_sent" }
end

function Run:stop(reason)
  self.summary.stopped, self.summary.reason = true, self.summary.reason or reason
end

--- Nothing more is sent, and this is what is raised in the end.
function Run:give_up(problem)
  if is_interruption(problem) then self.group:cancel() else self.group:drop() end
  self.raised, self.problem = true, problem
  self:stop()
end

--- The settings of the next item; nil and an error where it has none, nil where it is skipped.
local function settings_of(self, item, i)
  local ok, spec = place.try(self.make, item, i)
  if not ok then
    if is_interruption(spec) or is_exhaustion(spec) then return self:give_up(spec) end
    if errors.is(spec) then return nil, spec end
    return nil, argument("the function failed: " .. printable.raised(spec))
  end
  if spec == nil then return nil end
  if type(spec) ~= "table" or getmetatable(spec) == false then
    local got = type(spec) == "table" and tostring(spec) or checks.describe(spec)
    return nil, argument("the function must return a table as tm:request takes it, or nil, got "
      .. got)
  end
  local fine, settings, problem = pcall(options.request, spec, -2, self.name)
  if not fine and is_exhaustion(settings) then return self:give_up(settings) end
  if not fine then return nil, argument(settings) end
  if problem then return nil, argument(problem) end
  return settings
end

--- Calls a function of the caller's. When it raises nothing more begins; what is in flight was sent
-- for good, so its answers are waited for, and then the error goes on.
function Run:hook(name, ...)
  local f = self.opts[name]
  if not f or self.raised then return nil end
  local ok, value = place.try(f, ...)
  if ok then return value end
  self:give_up(value)
end

function Run:progress()
  local summary = self.summary
  if not self.opts.on_progress then return end
  local elapsed = core.now() - self.began
  local rate = elapsed > 0 and summary.done / elapsed or 0
  local left = self.total - summary.done - summary.skipped
  self:hook("on_progress", {
    done = summary.done, total = self.total, failed = summary.failed, rate = rate,
    eta = rate > 0 and left / rate or nil,
  })
end

function Run:skip(i)
  self.summary.skipped = self.summary.skipped + 1
  if self.keep == "all" then self.results[i] = { skipped = true } end
end

function Run:record(i, data, err, response)
  local summary = self.summary
  local result = { data = data, err = err, response = response }
  summary.done = summary.done + 1
  if err then summary.failed = summary.failed + 1 end
  if self.keep == "all" or self.keep == "failed" and err then self.results[i] = result end
  local opts = self.opts -- most have none or one of these
  if opts.on_result then self:hook("on_result", result, self.items[i], i) end
  if opts.stop_when and not summary.stopped and self:hook("stop_when", result) then
    self:stop("stop_when")
  end
  if opts.on_progress then self:progress() end
end

--- Starts calls until all places are taken.
function Run:fill()
  while not self.summary.stopped and self.at < self.total and self.group.live < self.width do
    if self.over and core.now() >= self.over then return self:stop("batch_deadline") end
    self.at = self.at + 1
    local i = self.at
    local settings, err = settings_of(self, self.items[i], i)
    if settings then
      local ok, refused = self.group:start(i, settings)
      err = not ok and refused or nil
    end
    if err then
      self:record(i, nil, err)
    elseif not settings then
      self:skip(i)
      self:progress()
    end
  end
end

function Run:take(i, ...)
  if i ~= nil then
    self:record(i, ...)
    return true
  end
  if self.group.live == 0 then return false end
  self:stop("batch_deadline")
  self.group:cancel("timeout")
  self.over = nil
  return true
end

function Run:work()
  repeat
    self:fill()
  until not self:take(self.group:next(self.over and math.max(self.over - core.now(), 0)))
    and (self.summary.stopped or self.at >= self.total)
end

local function run(self)
  self:work()
  if self.raised then error(self.problem, 0) end
  for i = self.at + 1, self.total do self:skip(i) end
  return self.results, self.summary
end

local function new(client, name, items, make, opts)
  local width = math.min(opts.concurrency or client._concurrency, client._concurrency)
  local began = core.now()
  return setmetatable({
    name = name, items = items, total = #items, make = make, opts = opts, width = width,
    keep = opts.keep or "all", began = began, at = 0, group = group.open(client),
    over = opts.batch_deadline and began + opts.batch_deadline, results = {},
    summary = { done = 0, failed = 0, skipped = 0, stopped = false },
  }, Run)
end

-- The public functions ----------------------------------------------------------------------------

--- What is there in place of an array, or nil. What a metatable makes of a table is its affair.
local function no_array(value)
  if type(value) ~= "table" then return type(value) end
  if getmetatable(value) ~= nil then return nil end
  local name = #value == 0 and next(value)
  if type(name) == "string" then return "a table with the field " .. checks.quoted(name) end
  local at = gap(value)
  return at and ("one that lacks element %d: leave no gap"):format(at)
end

--- Raises where something is no array; one pair of braces is easily forgotten.
local function check_array(value, wanted, level)
  local got = no_array(value)
  if got then error(("%s, got %s"):format(wanted, got), level + 1) end
end

--- `tm:all`.
---@param client table
---@param specs trailmark.Request[]
---@param level integer
---@return trailmark.Result[]
function batch.all(client, specs, level)
  check_array(specs, "tm:all: the calls must be an array of tables", level + 1)
  if #specs > 0 then place.check_wait(client, level + 1) end
  for i, spec in ipairs(specs) do
    options.request(spec, level + 1, ("tm:all: call %d"):format(i))
  end
  local made = new(client, "tm:all", specs, function(spec) return spec end, {})
  return (run(made))
end

--- `tm:map`.
---@param client table
---@param items any[]
---@param make fun(item: any, i: integer): trailmark.Request|nil
---@param opts? table
---@param level integer
---@return trailmark.Result[]
---@return trailmark.Summary
function batch.map(client, items, make, opts, level)
  check_array(items, "tm:map: the items must be an array", level + 1)
  if type(make) ~= "function" then
    error("tm:map: the second argument must be a function that makes an item's call, got "
      .. type(make), level + 1)
  end
  local settings = options.batch(opts, level + 1)
  if #items > 0 then place.check_wait(client, level + 1) end
  return run(new(client, "tm:map", items, make, settings))
end

return batch
