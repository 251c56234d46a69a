-- Tells the caller's process what was served, through two files that its
-- control.lua reads: `log`, one JSON line for a request (two for one that
-- waits: the second has the same `seq` and the rest of the fields), and
-- `counts`, one line of fixed size that is written over in place. Both are
-- written before the answer leaves: a client that has its answer finds it.

local cjson = require("cjson")
local posix = require("trailmark.sandbox.server.posix")

local C = posix.C
local record = {}
record.__index = record

local BODY_KEPT = 65536
local COUNTS_SIZE = 512

---@param folder string
---@param most integer lines of log between two resets
function record.open(folder, most)
  local self = setmetatable({ most = most, generation = 0, seq = 0 }, record)
  self.log = C.open(folder .. "log", posix.O_RDWR + posix.O_APPEND)
  self.counts_file = C.open(folder .. "counts", posix.O_RDWR)
  assert(self.log >= 0 and self.counts_file >= 0, "the sandbox's files are missing")
  self:reset(0)
  return self
end

--- Starts over; lines and counts carry the `generation` they belong to.
function record:reset(generation)
  self.generation, self.on, self.lines = generation, true, 0
  self.counts = {
    requests = 0, limited = 0, created = 0, updated = 0, deleted = 0, replayed = 0, dropped = 0,
  }
end

local function append(self, line)
  local text = cjson.encode(line) .. "\n"
  if tonumber(C.write(self.log, text, #text)) ~= #text then -- a full disk
    self.counts.dropped = self.counts.dropped + 1
  end
end

local function count(self, what)
  if what then
    self.counts[what] = self.counts[what] + 1
  end
end

function record:flush()
  self.counts.generation = self.generation
  local text = cjson.encode(self.counts)
  text = text .. (" "):rep(COUNTS_SIZE - #text - 1) .. "\n"
  C.pwrite(self.counts_file, text, COUNTS_SIZE, 0)
end

local function describe(call)
  return {
    seq = call.seq, generation = call.generation, method = call.method, path = call.path,
    query = call.query, headers = call.headers, body = call.body:sub(1, BODY_KEPT),
    body_size = #call.body, time = call.wall, request_id = call.request_id,
    protocol = call.protocol, connection = call.connection,
  }
end

-- Whether the request has its place in the log.
local function admit(self, call)
  if call.seq == nil then
    call.seq = false
    call.generation = self.generation
    count(self, "requests")
    if self.on and self.lines < self.most then
      self.seq = self.seq + 1
      self.lines = self.lines + 1
      call.seq = self.seq
    elseif self.on then
      count(self, "dropped")
    end
    return call.seq
  end
end

--- A request that will not be answered at once.
function record:arrived(call)
  if admit(self, call) then
    append(self, describe(call))
  end
  self:flush()
end

--- A request that is about to be answered.
---@param call table
---@param outcome table status, fault and what the answer was
function record:answered(call, outcome)
  local line = { seq = call.seq, generation = call.generation }
  if call.seq == nil and admit(self, call) then
    line = describe(call)
  end
  if call.seq then
    line.status, line.fault = outcome.status, outcome.fault
    line.effect, line.replayed, line.limited = call.effect, call.replayed, call.limited
    line.elapsed = call.elapsed()
    append(self, line)
  end
  if call.generation == self.generation then
    for what, happened in pairs({ replayed = call.replayed, limited = call.limited }) do
      count(self, happened and what)
    end
    count(self, call.effect)
  end
  self:flush()
end

return record
