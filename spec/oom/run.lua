--- Sweeps failing memory over the scenarios, and prints what that took: `make check-oom`.
--
--     lua5.4 spec/oom/run.lua [scenario...]
--
-- Of each scenario the Nth allocation fails, once in one run, and in another that one and all after
-- it. With LONG every N has its runs, otherwise so many, evenly spread. SWEEP_AT = "once 17" is one
-- run of it. SWEEP_OF = "descriptors" fails what makes a descriptor instead, each time; that takes
-- the failing system of ../support/failing_system.c.
--
-- Each scenario has a process of its own, forked once all is there that runs begin with; JOBS are
-- under way at a time. One that crashes or hangs fails alone.

require "cjson" -- stays loaded, and so has a name where its leaks are told

local faults = require "spec.support.faults"
local scenarios = require "spec.oom.scenarios"
local server = require "spec.oom.server"
local socket = require "socket"
local testing = require "trailmark_testing"

local oom, process = testing.oom, testing.process
local fork = require("spec.support.process").fork

local JOBS = tonumber(os.getenv "JOBS" or "") or 1
local LONG = (os.getenv "LONG" or "") ~= ""
local SAMPLES = 4 -- for each scenario and way to fail, in the short form
local AT = os.getenv "SWEEP_AT"
local DESCRIPTORS = os.getenv "SWEEP_OF" == "descriptors"

-- What a run has beside memory --------------------------------------------------------------------

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  file:close()
end

local function surroundings()
  local key_file = os.tmpname()
  local url, stop = server.start()
  local http2 = faults.start()
  write(key_file, "tm_live_0123456789abcdef\n")
  for name, value in pairs {
    OOM_URL = url, OOM_KEY_FILE = key_file, OOM_CA_FILE = http2.ca_file,
    OOM_HTTP2_URL = http2:script({}, { scheme = "http2" }),
  } do process.setenv(name, value) end
  return {
    stop = function()
      stop()
      http2:stop()
      os.remove(key_file)
    end,
    touch = function() http2:calm() end, -- who is asked for nothing for minutes ends
  }
end

local around = surroundings()
if DESCRIPTORS then oom.of_descriptors() end

local MODULES = "find lua/trailmark spec/oom "
  .. "spec/support/doorbell.lua spec/support/hand_loop.lua spec/support/process.lua "
  .. "spec/support/raw_server.lua -name '*.lua' "
  .. "-not -path '*/sandbox/*' -not -path 'spec/oom/run.lua'"

--- Compiled once: a run begins with them, which is most of what it costs. Where but one is looked
-- at they know their lines.
local function compiled_modules()
  local all, paths = {}, io.popen(MODULES)
  for path in paths:lines() do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", "")
    all[name] = string.dump(assert(loadfile(path)), not AT)
  end
  paths:close()
  return all
end

-- A sweep -----------------------------------------------------------------------------------------

local THREADS = process.threads() -- without a worker

--- Those of this process, once the worker of the last run has closed its own.
local function open_descriptors()
  local last = socket.gettime() + 10
  while process.threads() > THREADS and socket.gettime() < last do socket.sleep(0.001) end
  return process.descriptors()
end

local function left_open(before)
  for fd, what in pairs(open_descriptors()) do
    if before[fd] ~= what then return ("left open: %d, %s"):format(fd, what) end
  end
end

local Sweep = {}
Sweep.__index = Sweep

function Sweep:run(mode, at)
  local before = open_descriptors()
  local problem, asked, failed = oom.run(self.modules, self.name, mode, tostring(at))
  self.runs = self.runs + 1
  problem = problem or left_open(before)
  if problem then self:tell(mode, at, problem) end
  return asked, failed
end

function Sweep:tell(mode, at, problem)
  self.problems = self.problems + 1
  if self.problems > 5 then return end
  io.write(("%s, %s at %s: %s\n"):format(self.name, mode, at, problem))
end

local UNSEEN = 3 -- descriptors that the C library makes by calls of its own

--- Of few there are, each fails. Of more than there are none does.
function Sweep:each(mode, total)
  for at = 1, total + UNSEEN do self:run(mode, at) end
end

--- Fails at each N, until none is left to fail: how many there are differs a little between runs.
function Sweep:every(mode, total)
  local at = 0
  repeat
    at = at + 1
    local _, failed = self:run(mode, at)
  until failed == 0 and at > total
end

function Sweep:some(mode, total, shift)
  local step = math.max(total / SAMPLES, 1)
  for i = 0, SAMPLES - 1 do
    local at = math.floor(i * step + step * shift) + 1
    if at <= total then self:run(mode, at) end
  end
end

local function sweep(modules, name)
  local self = setmetatable({ modules = modules, name = name, runs = 0, problems = 0 }, Sweep)
  local began = socket.gettime()
  if AT then
    self:run("none", 0) -- what a process makes once is made, as in a sweep
    self:run(AT:match "^(%S+) (%S+)$")
  else
    local total = self:run("none", 0)
    self.total = total
    for i, mode in ipairs { "once", "on" } do
      if DESCRIPTORS then
        self:each(mode, total)
      elseif LONG then
        self:every(mode, total)
      else
        self:some(mode, total, i / 3)
      end
    end
  end
  if oom.leaks() then self:tell("all", "all", "something is lost") end
  io.write(("%-34s %6d %s %6d runs %7.1f s  %s\n"):format(name, self.total or 0,
    DESCRIPTORS and "descriptors" or "allocations", self.runs, socket.gettime() - began,
    self.problems == 0 and "ok" or "FAILED"))
  io.flush()
  return self
end

-- All of them -------------------------------------------------------------------------------------

local function leave_counts(passed, failed)
  local path = os.getenv "TRAIL_RESULT"
  if path and path ~= "" then write(path, ("%d %d\n"):format(passed, failed)) end
end

local function wanted()
  if #arg > 0 then return arg end
  local names = {}
  for _, name in ipairs(scenarios.names) do -- Lua's own files are Lua's to speak of
    if name ~= "require" or not DESCRIPTORS then names[#names + 1] = name end
  end
  return names
end

local modules = compiled_modules()

--- Begins one; what it comes to is written into a pipe.
local function begin(name)
  local child = fork(function(say)
    local done = sweep(modules, name)
    say(("%d %d"):format(done.runs, done.problems))
  end)
  return { name = name, child = child, getfd = function() return child.out end }
end

--- Waits for the end of one of them; returns how many runs it took, and whether all went well.
local function end_of_one(under_way)
  local ended
  repeat
    around.touch()
    ended = socket.select(under_way, nil, 60)[1]
  until ended
  for i, one in ipairs(under_way) do
    if one == ended then table.remove(under_way, i) end
  end
  local said, code, _, signal = ended.child:finish()
  local runs, problems = said:match "^(%d+) (%d+)$"
  if code ~= 0 or not runs then
    print(("%s: its process ended with %s %d%s"):format(ended.name, signal and "signal" or "code",
      code, said))
  end
  return tonumber(runs) or 0, code == 0 and problems == "0"
end

local under_way, waiting = {}, wanted()
local passed, failed, runs = 0, 0, 0
while #under_way > 0 or #waiting > 0 do
  while #under_way < JOBS and #waiting > 0 do
    under_way[#under_way + 1] = begin(table.remove(waiting, 1))
  end
  local more, fine = end_of_one(under_way)
  runs = runs + more
  if fine then passed = passed + 1 else failed = failed + 1 end
end
around.stop()
leave_counts(passed, failed)
print(("%s: %d scenarios, %d runs, %d failed"):format(os.getenv "TRAIL_SUITE" or _VERSION,
  passed + failed, runs, failed))
if failed > 0 then os.exit(1, true) end
