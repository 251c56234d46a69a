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

local control = {}
control.__index = control

--- A request that the sandbox served.
---@class trailmark.sandbox.Entry
---@field method string in capitals
---@field path string as sent, without the query
---@field query string as sent, "" without one
---@field headers table<string, string> lower-case names; repeats joined by ", "
---@field body string its first 64 KiB
---@field body_size integer bytes of the whole body
---@field status integer? nil while the request is at work
---@field fault string? the scripted fault that took the answer's place
---@field time number Unix time of arrival
---@field elapsed number? seconds until the answer
---@field request_id string as the answer told it
---@field protocol string "HTTP/1.1", "HTTP/2.0"
---@field connection integer equal for requests on one connection
---@field effect "created"|"updated"|"deleted"|nil what it did to a contact
---@field replayed boolean? answered from an idempotency key
---@field limited boolean? refused by the rate limit

--- What the sandbox did.
---@class trailmark.sandbox.Counts
---@field requests integer that were served
---@field limited integer refused by the rate limit
---@field created integer contacts made
---@field updated integer contacts changed
---@field deleted integer contacts deleted
---@field replayed integer answered from an idempotency key
---@field dropped integer not in the log, which was full

-- Lua 5.3 and later tell 200.0 from 200, and this lua-cjson gives floats only.
local tointeger = rawget(math, "tointeger")

local function whole(number)
  return tointeger and tointeger(number) or number
end

---@param folder string
function control.open(folder)
  local self = setmetatable({ folder = folder, generation = 0 }, control)
  self.orders = assert(io.open(folder .. "/orders", "ab"))
  self:forget()
  return self
end

function control:close()
  self.orders:close()
end

-- What a file holds from `position` on; opened each time, since a stream may give from its buffer
-- what has changed since.
local function read_from(path, position)
  local file = assert(io.open(path, "rb"))
  file:seek("set", position)
  local text = file:read("*a")
  file:close()
  return text or ""
end

--- Gives an order; it holds for every request sent from now on.
---@param order table `what` and its arguments
function control:give(order)
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
  assert(io.open(self.folder .. "/log", "wb")):close() -- the worker appends, wherever the end is
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
---@return trailmark.sandbox.Entry[] entries fresh at each call
function control:read_log()
  local text = read_from(self.folder .. "/log", self.position)
  local first, last = 1, text:find("\n", 1, true)
  while last do
    local line = cjson.decode(text:sub(first, last - 1))
    if line.generation == self.generation then
      add(self, line)
    end
    first, last = last + 1, text:find("\n", last + 1, true)
  end
  self.position = self.position + first - 1
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
---@return trailmark.sandbox.Counts
function control:read_counts()
  local ok, read
  repeat -- until the worker was not just writing
    local text = read_from(self.folder .. "/counts", 0)
    ok, read = pcall(cjson.decode, text ~= "" and text or "{}") -- empty: nothing was served yet
  until ok
  local counts = {}
  for _, name in ipairs(counted) do
    counts[name] = read.generation == self.generation and whole(read[name]) or 0
  end
  return counts
end

return control
