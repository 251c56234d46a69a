--- A host that has only sockets to wait with, in plain Lua: it submits calls to the worker thread
-- and waits at the doorbell. The worker is that of the testing module, so that a spec can end it.

local testing = require "trailmark_testing"
local process = testing.process

local doorbell = { core = testing.worker.core() }
local core = doorbell.core

local LONGEST = 20 -- seconds; who waits longer has hung

--- A client of the core that has hired the worker; `abstract` is the kind of its doorbell.
function doorbell.client(url, more)
  local settings = {
    base_url = url, header_lines = "Accept: application/json\0", timeout = 10, connect_timeout = 5,
    deadline = 90, backoff_base = 0.02, backoff_cap = 0.02, retries = 3, concurrency = 100,
    max_response_bytes = 1e6, paced = false, events = false,
  }
  for name, value in pairs(more or {}) do settings[name] = value end
  local client = assert(core.client(settings))
  assert(client:set_key(settings.key or "tm_live_0123456789abcdef"))
  assert(client:hire(settings.abstract))
  return client
end

local Visitor = {}
Visitor.__index = Visitor

--- One coroutine's worth: a number to wait under, and a connection.
function doorbell.visitor()
  local waiter = core.waiter()
  return setmetatable({ waiter = waiter, fd = testing.worker.connect(waiter:ask()) }, Visitor)
end

--- Starts a call that it will wait for. One that is done before it could be waited for rings, too.
function Visitor:start(client, path, ...)
  local handle = assert(client:start("GET", path, ...))
  if not handle:await(self.waiter) then
    self.waiter:ask()
    self.waiter:poke()
  end
  return handle
end

function Visitor:ring(at)
  self.waiter:ask()
  process.write(self.fd, self.waiter:line(at))
end

--- Waits from now on, without a line, which the doorbell has to have had one of on this connection.
-- False: there is news.
function Visitor:listen()
  if self.answered ~= self.fd then self:wait(core.now()) end
  self.waiter:ask()
  return self.waiter:listen()
end

--- What the doorbell answered; nil where it was silent for so long.
function Visitor:hear(seconds)
  return process.read(self.fd, seconds or LONGEST)
end

--- Waits until the worker has something for it, or until that time.
function Visitor:wait(at)
  self:ring(at)
  local said = self:hear()
  local number = self.waiter:line():match("^%d+")
  assert(said == number .. "\n", ("the doorbell answered %s to %s"):format(tostring(said), number))
  self.answered = self.fd
end

--- Waits until these are done; returns the ids that were told meanwhile.
function Visitor:finish(...)
  local told = {}
  local function take_in()
    for id in core.next_finished do told[id] = true end
  end
  for _, handle in ipairs { ... } do
    while not handle:done() do
      self:wait()
      take_in() -- what it was rung for, or it would be rung for that again and again
    end
  end
  take_in()
  return told
end

function Visitor:leave()
  process.close(self.fd)
end

return doorbell
