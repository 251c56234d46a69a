--- Connections that end or stall, at every place where they can.

local faults = require "spec.support.faults"
local rows = require "spec.support.fault_rows"

local read, reset, finish, hold = faults.read, faults.reset, faults.finish, faults.hold
local send, read_part = faults.send, faults.read_part

local HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
local BODY = '{"fine":true}'
local ANSWER = HEAD .. BODY
local FINE = { fine = true }

-- A call that hangs: an attempt of 0.2 s, and one more.
local SLOW = { timeout = 0.2, deadline = 0.5 }
local CUT = { "protocol", "network" }

local ROWS = {
  -- Before an answer. -------------------------------------------------------------------------------
  { "reset before anything is read", { reset }, kind = "network", outcome = { "unknown", "not_sent" },
    attempts = 2 },
  { "reset inside the request", { read_part(40), reset }, kind = "network", outcome = "unknown",
    attempts = 2, wire = 2 },
  { "reset after the request", { read, reset }, kind = "network", outcome = "unknown",
    attempts = 2, wire = 2 },
  { "end after the request", { read, finish }, kind = "network", outcome = "unknown",
    attempts = 2, wire = 2 },
  { "reset after a POST with a key", { read, reset }, call = "post", kind = "network",
    outcome = "unknown", attempts = 2, wire = 2 },
  { "reset after a POST without a key", { read, reset }, call = "post_unkeyed", kind = "network",
    outcome = "unknown", attempts = 1, wire = 1 },
  { "end after a POST without a key", { read, finish }, call = "post_unkeyed", kind = "network",
    outcome = "unknown", attempts = 1, wire = 1 },
  { "reset inside a POST without a key", { read_part(200), reset }, call = "post_unkeyed",
    kind = "network", outcome = "unknown", attempts = 1, wire = 1 },
  { "one reset, then all is well", plans = { { read, reset } }, data = FINE, attempts = 2, wire = 2 },
  { "one end, then all is well for a POST with a key", plans = { { read, finish } }, call = "post",
    data = FINE, attempts = 2, wire = 2 },

  -- Inside an answer. -------------------------------------------------------------------------------
  { "end inside the status line", { read, send "HTTP/1.1 2", finish }, kind = CUT,
    outcome = "unknown", attempts = 2 },
  { "end after the status line", { read, send "HTTP/1.1 200 OK\r\n", finish }, kind = CUT,
    outcome = "unknown", attempts = 2 },
  { "reset inside the header block", { read, send(HEAD:sub(1, 40)), reset }, kind = "network",
    outcome = "unknown", attempts = 2 },
  { "end inside the header block", { read, send(HEAD:sub(1, 40)), finish }, kind = CUT,
    outcome = "unknown", attempts = 2 },
  { "end before the blank line", { read, send(HEAD:sub(1, -3)), finish }, kind = CUT,
    outcome = "unknown", attempts = 2 },
  { "end between head and body", { read, send(HEAD), finish }, kind = "protocol", outcome = "done",
    attempts = 2 },
  { "reset between head and body", { read, send(HEAD), reset }, kind = "network", outcome = "done",
    attempts = 2 },
  { "end inside the body", { read, send(ANSWER:sub(1, -5)), finish }, kind = "protocol",
    outcome = "done", attempts = 2 },
  { "reset inside the body", { read, send(ANSWER:sub(1, -5)), reset }, kind = "network",
    outcome = "done", attempts = 2 },
  { "end inside the body of a POST without a key", { read, send(ANSWER:sub(1, -5)), finish },
    call = "post_unkeyed", kind = "protocol", outcome = "done", attempts = 1, wire = 1 },
  { "end inside the body of a POST with a key", { read, send(ANSWER:sub(1, -5)), finish },
    call = "post", kind = "protocol", outcome = "done", attempts = 2, wire = 2 },
  { "end inside the body of a 404", { read,
    send "HTTP/1.1 404 X\r\nContent-Length: 9\r\n\r\n{}", finish }, kind = "protocol",
    outcome = "unknown", attempts = 2 },
  { "a body that ends with the connection", { read,
    send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" .. BODY), finish }, data = FINE, attempts = 1 },
  { "an answer and Connection: close", { read,
    send((ANSWER:gsub("\r\n", "\r\nConnection: close\r\n", 1))), finish }, data = FINE, attempts = 1 },
  { "an answer before the request's body was read", { read_part(40), send(
    "HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"), finish },
    call = "post_unkeyed", kind = "http", outcome = "rejected", attempts = 1 },

  -- Silence. ----------------------------------------------------------------------------------------
  { "silence from the start", { faults.pause(20000) }, options = SLOW, kind = "timeout",
    outcome = "unknown", attempts = 2, within = 0.5 + rows.GRACE },
  { "silence after the request", { read, hold }, options = SLOW, kind = "timeout",
    outcome = "unknown", attempts = 2, wire = 2, within = 0.5 + rows.GRACE },
  { "silence after a POST without a key", { read, hold }, options = SLOW, call = "post_unkeyed",
    kind = "timeout", outcome = "unknown", attempts = 1, wire = 1, within = 0.2 + rows.GRACE },
  { "silence inside the header block", { read, send(HEAD:sub(1, 30)), hold }, options = SLOW,
    kind = "timeout", outcome = "unknown", attempts = 2, within = 0.5 + rows.GRACE },
  { "silence inside the body", { read, send(ANSWER:sub(1, -5)), hold }, options = SLOW,
    kind = "timeout", outcome = "done", attempts = 2, within = 0.5 + rows.GRACE },
  { "a byte of the head every 50 ms", { read, faults.drip(50, ANSWER) }, options = SLOW,
    kind = "timeout", outcome = "unknown", attempts = 2, within = 0.5 + rows.GRACE },
  { "a byte of the body every 50 ms", { read, send(HEAD), faults.drip(50, BODY) }, options = SLOW,
    kind = "timeout", outcome = "done", attempts = 2, within = 0.5 + rows.GRACE },
  { "a silence that ends in time", { read, faults.pause(50), send(ANSWER), faults.serve },
    data = FINE, attempts = 1 },
  { "silence, then all is well", plans = { { read, hold } }, options = { timeout = 0.2 },
    data = FINE, attempts = 2, wire = 2 },
  { "silence, and then nobody who listens", { read, faults.deaf, hold }, options = SLOW,
    call = "post", kind = "network", outcome = "unknown", attempts = 2, connections = 1, wire = 1 },
  { "a reset, and then nobody who listens", { read, faults.deaf, reset }, call = "post",
    kind = "network", outcome = "unknown", attempts = 2, connections = 1, wire = 1 },
  { "silence until the deadline, which lies before the attempt's end", { read, hold },
    options = { timeout = 3, deadline = 0.3 }, kind = "timeout", outcome = "unknown", attempts = 1,
    within = 0.3 + rows.GRACE },
}

describe("a connection", function()
  local server
  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)

  for _, row in ipairs(ROWS) do
    row.fault = row[2]
    it("with " .. row[1], function() rows.check(server, row) end)
  end

  -- The end after each single byte, of one attempt; what was seen decides what it means.
  local function cut_at(size, ending)
    local headed = size >= #HEAD
    return {
      fault = { read, send(ANSWER:sub(1, size)), ending }, options = { retries = 0 },
      call = "post_unkeyed", kind = CUT, outcome = headed and "done" or "unknown", attempts = 1,
      wire = 1,
    }
  end

  for name, ending in pairs { ["ended"] = finish, ["reset"] = reset } do
    it("that is " .. name .. " after any byte of the answer", function()
      for size = 0, #ANSWER - 1 do
        local fine, problem = pcall(rows.check, server, cut_at(size, ending))
        if not fine then error(("after %d bytes: %s"):format(size, tostring(problem)), 0) end
      end
    end)
  end
end)
