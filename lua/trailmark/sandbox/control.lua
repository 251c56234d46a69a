-- The caller's side of a running sandbox: gives it orders and reads what it
-- served, through plain files in its private folder.
--
-- Why files: plain Lua has no sockets, and a client under test must not be what
-- its own tests are steered by. The worker looks for orders before each request
-- and writes its log before each answer, so nobody waits for anybody: an order
-- costs one write(), and what a client was answered is in the log already.
-- No reader can be missing, hang, or die half-way, and forks of the caller may use all of it.
-- Formats: server/orders.lua and server/record.lua.

local cjson = require("cjson").new()
local host = require("trailmark.sandbox.host")

local control = {}
control.__index = control

-- Lua 5.3 and later tell 200.0 from 200, and this lua-cjson gives floats only.
local tointeger = rawget(math, "tointeger")

local function whole(number)
  return tointeger and tointeger(number) or number
end

---@param folder string
function control.open(folder)
  local self = setmetatable({ log_path = folder .. "/log", generation = 0 }, control)
  self.orders = assert(io.open(folder .. "/orders", "ab"))
  self.log = assert(io.open(self.log_path, "rb"))
  self.counts_file = assert(io.open(folder .. "/counts", "rb"))
  self:forget()
  return self
end

function control:close()
  for _, name in ipairs({ "orders", "log", "counts_file" }) do
    self[name]:close()
    self[name] = nil
  end
end

--- Gives an order; it holds for every request sent from now on.
---@param order table `what` and its arguments
function control:give(order)
  order.at = host.uptime()
  self.orders:write(cjson.encode(order), "\n")
  self.orders:flush()
end

function control:forget()
  self.entries, self.by_seq, self.position = {}, {}, 0
end

--- Starts over with an empty log. Requests still at work will not show in it.
function control:reset()
  self.generation = self.generation + 1
  self:give({ what = "reset", generation = self.generation })
  assert(io.open(self.log_path, "wb")):close() -- the worker appends, wherever the end is
  self:forget()
end

local function add(self, line)
  local entry = self.by_seq[line.seq]
  if not entry then
    entry = {}
    self.by_seq[line.seq] = entry
    self.entries[#self.entries + 1] = entry
  end
  for name, value in pairs(line) do
    entry[name] = value
  end
  for _, name in ipairs({ "status", "body_size", "connection" }) do
    entry[name] = whole(entry[name])
  end
  entry.seq, entry.generation = nil, nil
end

--- Everything served since the last reset, oldest first.
---@return table[] entries fresh at each call
function control:read_log()
  self.log:seek("set", self.position)
  local text = self.log:read("*a") or ""
  for line, done in text:gmatch("([^\n]*)\n()") do
    local entry = cjson.decode(line)
    if entry.generation == self.generation then
      add(self, entry)
    end
    self.done = done
  end
  if self.done then
    self.position, self.done = self.position + self.done - 1, nil
  end
  local entries = {}
  for i, entry in ipairs(self.entries) do
    local copy = {}
    for name, value in pairs(entry) do
      copy[name] = value
    end
    entries[i] = copy
  end
  return entries
end

local counted = { "requests", "limited", "created", "updated", "deleted", "replayed", "dropped" }

--- How much of what was served since the last reset.
---@return table<string, integer>
function control:read_counts()
  self.counts_file:seek("set", 0)
  local ok, read = pcall(cjson.decode, self.counts_file:read("*l") or "")
  local counts = {}
  for _, name in ipairs(counted) do
    local current = ok and read.generation == self.generation
    counts[name] = current and whole(read[name]) or 0
  end
  return counts
end

return control
