--- Other processes for specs: a fork that runs a function, a Lua that runs some code.
--
-- Both end with this process, whatever ends it, and both have to be ended with `finish`, which
-- returns what they said. Waiting is for what they say or for their end, never for a time.

local kept_waiting = require "spec.support.kept_waiting"
local os_process = require "trailmark_testing".process

local unpack_all = unpack or table.unpack

local LONGEST = 60 -- seconds; a child that says nothing for longer has hung

local process = { KILL = 9, INT = 2, TERM = 15, id = os_process.id }

local Process = {}
Process.__index = Process

local function new(pid, out, err)
  return setmetatable({
    pid = pid, out = out, err = err, said = "", complaint = "", at = { said = 1, complaint = 1 },
  }, Process)
end

--- Runs `body(say)` in a fork. `say(text)` is for `expect` and `finish`; an error it throws is told
-- by `finish`. With `only`, a descriptor, it holds nothing else of this process that is open.
function process.fork(body, only)
  local out, into = os_process.pipe()
  local pid = os_process.fork()
  if pid == 0 then
    if only then os_process.close_others(only, into) end
    local fine, problem = pcall(body, function(text) os_process.write(into, text) end)
    if not fine then os_process.write(into, "\nfork failed: " .. tostring(problem) .. "\n") end
    os_process.exit(fine and 0 or 1)
  end
  os_process.close(into)
  return new(pid, out)
end

--- The interpreter that runs the specs.
local function interpreter()
  local given = os.getenv("TRAIL_LUA")
  return given and given ~= "" and given or arg[-1]
end

--- Whether it is lua(1) itself, which turns Ctrl-C into an error.
function process.is_plain_lua()
  return not interpreter():find("build/asan", 1, true)
end

-- A fresh interpreter finds what this one finds.
local function with_paths(environment)
  local all = { LUA_PATH = package.path, LUA_CPATH = package.cpath }
  for name, value in pairs(environment or {}) do all[name] = value end
  return all
end

--- Runs a program: its arguments, it itself first, and what its environment has beside ours.
---@param arguments string[]
---@param environment? table<string, string>
function process.program(arguments, environment)
  return new(os_process.spawn(arguments, environment or {}))
end

--- What a child's environment needs for a library of the Makefile's to be preloaded.
function process.preload(name, environment)
  local all = {
    LD_PRELOAD = ("%s/%s.so"):format(os.getenv "TRAIL_PRELOADED" or "build", name),
    ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":verify_asan_link_order=0:detect_leaks=0",
  }
  for variable, value in pairs(environment or {}) do all[variable] = value end
  return all
end

--- Runs code in a fresh interpreter.
---@param code string
---@param environment? table<string, string>
function process.lua(code, environment)
  return process.program({ interpreter(), "-e", code, "/dev/null" }, with_paths(environment))
end

--- Runs a Lua file in a fresh interpreter.
---@param arguments string[]  the file, and what it finds in `arg`
---@param environment? table<string, string>
function process.script(arguments, environment)
  return process.program({ interpreter(), unpack_all(arguments) }, with_paths(environment))
end

local function await(self, stream, fd, pattern)
  local at = self.at[stream]
  while not self[stream]:find(pattern, at) do
    local more = os_process.read(fd, LONGEST)
    if not more or more == "" then
      error(("the process said %q, not %s"):format(self[stream], pattern), 0)
    end
    self[stream] = self[stream] .. more
  end
  self.at[stream] = select(2, self[stream]:find(pattern, at)) + 1
  return self[stream]:match(pattern, at)
end

--- Waits until something is said that matches, after what was expected before. Returns captures.
function Process:expect(pattern)
  return await(self, "said", self.out, pattern)
end

--- The same on stderr.
function Process:expect_complaint(pattern)
  return await(self, "complaint", self.err, pattern)
end

function Process:kill(signal)
  os_process.kill(self.pid, signal)
end

--- All that is said until the end; one that has hung is ended, which its signal tells.
local function drain(self, fd)
  local parts, more = {}, nil
  repeat
    parts[#parts + 1] = more
    more = os_process.read(fd, LONGEST)
    if not more then self:kill(process.KILL) end
  until more == "" or not more
  os_process.close(fd)
  return table.concat(parts)
end

--- Waits for the end. Returns all that was said, the exit code (or nil and the signal), and stderr.
function Process:finish()
  if self.pid then
    self.said = self.said .. drain(self, self.out)
    if self.err then self.complaint = self.complaint .. drain(self, self.err) end
    self.kept_waiting = kept_waiting(self.pid) -- for spec/support/own_time.lua
    self.code, self.signal = os_process.wait(self.pid)
    self.pid = nil
  end
  return self.said, self.code or self.signal, self.complaint, self.signal
end

--- Ends it at once.
function Process:stop()
  if not self.pid then return end
  self:kill(process.KILL)
  self:finish()
end

return process
