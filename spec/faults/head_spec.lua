--- Heads of answers that are malformed, contradictory or without end.

local faults = require "spec.support.faults"
local rows = require "spec.support.fault_rows"

local read, send, times = faults.read, faults.send, faults.times
local finish, hold, serve = faults.finish, faults.hold, faults.serve

local BODY = '{"fine":true}'
local FINE = { fine = true }
local STATUS = "HTTP/1.1 200 OK\r\n"
local LENGTH = "Content-Length: 13\r\n"
local REFUSED = { "protocol", "too_large" }
local MEGABYTES = 2 ^ 20

--- An answer with these header lines; the connection then goes on.
local function headed(lines, body)
  return { read, send(STATUS .. lines .. "\r\n" .. (body or BODY)), serve }
end

--- Bytes instead of a head, and then the end, or nothing.
local function bytes(text) return { read, send(text), finish } end

local ROWS = {
  -- The status line. ---------------------------------------------------------------------------------
  { "no status line", bytes("Content-Length: 13\r\n\r\n" .. BODY), kind = "protocol" },
  { "a body and nothing else (HTTP/0.9)", bytes(BODY), kind = "protocol" },
  { "garbage", bytes(("\1\255\128garbage"):rep(20)), kind = "protocol" },
  { "TLS spoken to plain HTTP", bytes("\21\3\1\0\2\2\40"), kind = "protocol" },
  { "an empty line before the status line", bytes("\r\n" .. STATUS .. LENGTH .. "\r\n" .. BODY),
    kind = "protocol" },
  { "a status that is no number", bytes("HTTP/1.1 abc OK\r\n" .. LENGTH .. "\r\n" .. BODY),
    kind = "protocol" },
  { "a status of two digits", bytes("HTTP/1.1 20 OK\r\n" .. LENGTH .. "\r\n" .. BODY),
    kind = "protocol" },
  { "a status of four digits", bytes("HTTP/1.1 2000 OK\r\n" .. LENGTH .. "\r\n" .. BODY),
    kind = "protocol" },
  { "status 000", bytes("HTTP/1.1 000 OK\r\n" .. LENGTH .. "\r\n" .. BODY), kind = "protocol" },
  { "status 099", bytes("HTTP/1.1 099 OK\r\n" .. LENGTH .. "\r\n" .. BODY), kind = "protocol" },
  { "status 600", bytes("HTTP/1.1 600 OK\r\n" .. LENGTH .. "\r\n" .. BODY), kind = "protocol" },
  { "status 999", bytes("HTTP/1.1 999 OK\r\n" .. LENGTH .. "\r\n" .. BODY), kind = "protocol" },
  { "a status without a reason", bytes("HTTP/1.1 200\r\n" .. LENGTH .. "\r\n" .. BODY),
    data = FINE, outcome = false },
  { "a status line in small letters", bytes("http/1.1 200 OK\r\n" .. LENGTH .. "\r\n" .. BODY),
    kind = "protocol" },
  { "a status line of HTTP/2 on a connection that speaks HTTP/1.1",
    bytes("HTTP/2 200\r\n" .. LENGTH .. "\r\n" .. BODY), kind = "protocol" },
  { "HTTP/7.3", bytes("HTTP/7.3 200 OK\r\n" .. LENGTH .. "\r\n" .. BODY), kind = "protocol" },
  { "a protocol other than HTTP", bytes("RTSP/1.0 200 OK\r\n" .. LENGTH .. "\r\n" .. BODY),
    kind = "protocol" },
  { "a second status line inside the block", headed(STATUS .. LENGTH),
    kind = "protocol", data = FINE },

  -- Fields. ------------------------------------------------------------------------------------------
  { "a NUL byte in a value", headed("X-Note: a\0b\r\n" .. LENGTH), kind = "protocol" },
  { "a NUL byte in a name", headed("X-\0Note: a\r\n" .. LENGTH), kind = "protocol" },
  { "a NUL byte at the beginning of a line", { read, send(STATUS .. "\0"), faults.pause(50),
    send("X-Note: a\r\n" .. LENGTH .. "\r\n" .. BODY), finish }, kind = "protocol",
    later = "libcurl 7.88 passes over it, and over what it has read with it" },
  { "a NUL byte in the status line", bytes("HTTP/1.1 200 O\0K\r\n" .. LENGTH .. "\r\n" .. BODY),
    kind = "protocol" },
  { "a line without a colon", headed("no colon here\r\n" .. LENGTH), kind = "protocol",
    data = FINE },
  { "a field without a name", headed(": nameless\r\n" .. LENGTH), kind = "protocol", data = FINE },
  { "a folded field, which counts as one", headed("X-Note: a\r\n  b\r\n" .. LENGTH), data = FINE },
  { "a folded Retry-After, which counts as absent", { read,
    send "HTTP/1.1 503 X\r\nRetry-After: 1\r\n 2\r\nConnection: close\r\n\r\n{}", finish },
    kind = "server", outcome = "rejected", attempts = 2, within = 1 },
  { "lines that end in a bare LF", bytes("HTTP/1.1 200 OK\nContent-Length: 13\n\n" .. BODY),
    data = FINE },
  { "a bare CR inside a value", headed("X-Note: a\rContent-Length: 5\r\n" .. LENGTH), data = FINE },

  -- Lengths. -----------------------------------------------------------------------------------------
  { "two Content-Lengths that differ", headed("Content-Length: 2\r\n" .. LENGTH), kind = "protocol" },
  { "two Content-Lengths that agree", headed(LENGTH .. LENGTH), data = FINE },
  { "a list of Content-Lengths that differ", headed "Content-Length: 13, 2\r\n", kind = "protocol" },
  { "a Content-Length that is no number", headed "Content-Length: many\r\n", kind = "protocol" },
  { "a Content-Length with a number before letters", headed "Content-Length: 13abc\r\n",
    kind = "protocol" },
  { "a negative Content-Length", headed "Content-Length: -13\r\n", kind = "protocol" },
  { "a signed Content-Length", headed "Content-Length: +13\r\n", kind = "protocol" },
  { "an empty Content-Length", headed "Content-Length:\r\n", kind = "protocol" },
  { "a hexadecimal Content-Length", headed "Content-Length: 0xd\r\n", kind = "protocol" },
  { "a Content-Length beyond 64 bits", headed "Content-Length: 99999999999999999999\r\n",
    kind = REFUSED },
  { "a Content-Length beyond max_response_bytes", { read,
    send(STATUS .. "Content-Length: 99999999999\r\n\r\n"), hold }, kind = { "too_large", "timeout" },
    options = { timeout = 0.2, retries = 0 }, outcome = { "unknown", "done" }, memory = MEGABYTES },
  { "both Content-Length and chunks", headed(LENGTH .. "Transfer-Encoding: chunked\r\n",
    "d\r\n" .. BODY .. "\r\n0\r\n\r\n"), kind = "protocol", outcome = { "unknown", "done" } },
  { "chunks and then a Content-Length", headed("Transfer-Encoding: chunked\r\n" .. LENGTH,
    "d\r\n" .. BODY .. "\r\n0\r\n\r\n"), kind = "protocol", outcome = { "unknown", "done" } },
  { "a transfer coding that nobody knows", { read,
    send(STATUS .. "Transfer-Encoding: secret\r\n\r\n" .. BODY), finish }, kind = "protocol",
    outcome = { "unknown", "done" } },

  -- Floods. ------------------------------------------------------------------------------------------
  { "a line of 200 KB", headed("X-Long: " .. ("x"):rep(200000) .. "\r\n" .. LENGTH),
    kind = "too_large", memory = 4 * MEGABYTES },
  { "10,000 lines", { read, send(STATUS), times(10000, "X-Many: 1\r\n"),
    send(LENGTH .. "\r\n" .. BODY), hold }, kind = REFUSED, memory = 4 * MEGABYTES },
  { "100,000 short lines that are no fields", { read, send(STATUS), times(100000, "x\r\n"), hold },
    kind = REFUSED, memory = 4 * MEGABYTES },
  { "20 MB of one line", { read, send(STATUS .. "X-Long: "), times(20, ("x"):rep(2 ^ 20)), hold },
    kind = REFUSED, memory = 4 * MEGABYTES },
  { "20 MB of trailers", { read, send(STATUS .. "Transfer-Encoding: chunked\r\n\r\n0\r\n"),
    times(20000, "X-Trailer: " .. ("x"):rep(1000) .. "\r\n"), hold }, kind = REFUSED,
    outcome = "done", memory = 4 * MEGABYTES },
  { "an interim answer", bytes("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    .. STATUS .. LENGTH .. "\r\n" .. BODY), data = FINE },
  { "100 Continue that nobody asked for", bytes("HTTP/1.1 100 Continue\r\n\r\n"
    .. STATUS .. LENGTH .. "\r\n" .. BODY), data = FINE },
  { "33 interim answers", { read, times(33, "HTTP/1.1 103 Early Hints\r\n\r\n"),
    send(STATUS .. LENGTH .. "\r\n" .. BODY), serve }, kind = "protocol" },
  { "interim answers without end", { read, times(100000, "HTTP/1.1 102 Processing\r\n\r\n"), hold },
    kind = "protocol", memory = 4 * MEGABYTES },
  { "101 Switching Protocols that nobody asked for", { read,
    send "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", hold },
    options = { timeout = 0.3 }, kind = "protocol" },
  { "an end after an interim answer", { read, send "HTTP/1.1 100 Continue\r\n\r\n", finish },
    kind = { "protocol", "network" }, attempts = 2 },
}

describe("a head", function()
  local server
  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)

  for _, row in ipairs(ROWS) do
    -- Another attempt would be told the same, and a head that breaks off leaves all open.
    row.fault, row.attempts = row[2], row.attempts or 1
    if row.kind then row.outcome = row.outcome or "unknown" end
    rows.it(row, it, pending)("with " .. row[1], function() rows.check(server, row) end)
  end

  it("that was refused is not asked for again, and a POST without a key is told as unknown", function()
    rows.check(server, {
      fault = headed("Content-Length: 2\r\n" .. LENGTH), call = "post_unkeyed", kind = "protocol",
      outcome = "unknown", attempts = 1, wire = 1,
    })
  end)

  it("with a folded field keeps what stands on both lines", function()
    rows.check(server, {
      fault = headed("X-Note: a\r\n  b\r\n" .. LENGTH), data = FINE, attempts = 1,
      check = function(result) assert.equal("a b", result.response.headers["x-note"]) end,
    })
  end)

  it("with a bare CR starts no field of its own", function()
    rows.check(server, {
      fault = headed("X-Note: a\rX-Other: b\r\n" .. LENGTH), attempts = 1,
      check = function(result)
        local headers = (result.response or { headers = {} }).headers
        assert.is_nil(headers["x-other"])
      end,
    })
  end)
end)
