--- Bodies that are not what their head says: chunks, lengths, compression, JSON.

local faults = require "spec.support.faults"
local rows = require "spec.support.fault_rows"

local read, send, times = faults.read, faults.send, faults.times
local finish, hold, reset, serve = faults.finish, faults.hold, faults.reset, faults.serve

local BODY = '{"fine":true}'
local FINE = { fine = true }
local STATUS = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
local CHUNKED = STATUS .. "Transfer-Encoding: chunked\r\n\r\n"
local CUT = { "protocol", "network" }
local MEGABYTE = 2 ^ 20

local function chunk(text) return ("%x\r\n"):format(#text) .. text .. "\r\n" end

local function chunks(text, ending) return { read, send(CHUNKED .. text), ending or serve } end

--- gzip(1) over what a command prints.
local function gzip(command)
  local pipe = assert(io.popen(command .. " | gzip -9n", "r"))
  local bytes = pipe:read("*a")
  pipe:close()
  return bytes
end

local PACKED = gzip(("printf '%%s' '%s'"):format(BODY))

local function encoded(bytes, coding)
  local head = ("%sContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"):format(STATUS,
    coding or "gzip", #bytes)
  return { read, send(head .. bytes), serve } -- 5.1's format ends at a NUL
end

--- The bytes with one of them changed.
local function changed(bytes, at)
  return bytes:sub(1, at - 1) .. string.char((bytes:byte(at) + 1) % 256) .. bytes:sub(at + 1)
end

local SMALL = { max_response_bytes = MEGABYTE }

local ROWS = {
  -- Chunks (RFC 9112, section 7.1). ------------------------------------------------------------------
  { "whole chunks", chunks(chunk(BODY:sub(1, 5)) .. chunk(BODY:sub(6)) .. "0\r\n\r\n"), data = FINE },
  { "a chunk extension", chunks("d;name=value\r\n" .. BODY .. "\r\n0\r\n\r\n"), data = FINE },
  { "a trailer", chunks(chunk(BODY) .. "0\r\nX-Sum: 1\r\n\r\n"), data = FINE },
  { "a chunk size that is no number", chunks("xyz\r\n" .. BODY .. "\r\n0\r\n\r\n"),
    kind = "protocol" },
  { "an empty chunk size", chunks("\r\n" .. BODY .. "\r\n0\r\n\r\n"), kind = "protocol" },
  { "a negative chunk size", chunks("-d\r\n" .. BODY .. "\r\n0\r\n\r\n"), kind = "protocol" },
  { "a chunk size beyond 64 bits", chunks("fffffffffffffffff\r\n" .. BODY), kind = "protocol" },
  { "a huge chunk size and an end", chunks("7fffffffffffffff\r\n" .. BODY, finish), kind = CUT,
    attempts = 2 },
  { "a chunk longer than its size", chunks("5\r\n" .. BODY .. "\r\n0\r\n\r\n"), kind = "protocol" },
  { "an end inside a chunk size", chunks(chunk(BODY):sub(1, 1), finish), kind = CUT, attempts = 2 },
  { "an end inside a chunk", chunks(chunk(BODY):sub(1, 8), finish), kind = CUT, attempts = 2 },
  { "an end instead of the last chunk", chunks(chunk(BODY), finish), kind = CUT, attempts = 2 },
  { "an end inside the last chunk", chunks(chunk(BODY) .. "0\r\n", finish), kind = CUT,
    attempts = 2 },
  { "a reset before the last chunk", chunks(chunk(BODY), reset), kind = "network", attempts = 2 },
  { "silence before the last chunk", chunks(chunk(BODY), hold), kind = "timeout", attempts = 2,
    options = { timeout = 0.15 }, within = 0.6 },
  { "an end before the last chunk of a POST without a key", chunks(chunk(BODY), finish), kind = CUT,
    call = "post_unkeyed", attempts = 1 },
  { "chunks beyond max_response_bytes", { read, send(CHUNKED),
    times(64, chunk((" "):rep(MEGABYTE))), send(chunk(BODY) .. "0\r\n\r\n"), hold },
    options = SMALL, kind = "too_large", memory = 6 * MEGABYTE },

  -- Lengths. -----------------------------------------------------------------------------------------
  { "more bytes than stated", { read, send(STATUS .. "Content-Length: 13\r\n\r\n" .. BODY .. "more"),
    serve }, kind = "protocol", data = FINE },
  { "a second answer right behind the first", { read,
    send((STATUS .. "Content-Length: 13\r\n\r\n" .. BODY):rep(2)), serve }, kind = "protocol",
    data = FINE },
  { "bytes behind a 204", { read, send "HTTP/1.1 204 No Content\r\n\r\nsurprise", serve },
    kind = "protocol", data = true },
  { "a 204 with a Content-Length", { read,
    send "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", serve }, data = true },
  { "a 205 without a body", { read, send "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", serve },
    data = true },
  { "a body without an end beyond max_response_bytes", { read,
    send(STATUS .. "Connection: close\r\n\r\n"), times(64, (" "):rep(MEGABYTE)), finish },
    options = SMALL, kind = "too_large", memory = 6 * MEGABYTE },

  -- Compression (RFC 1952). --------------------------------------------------------------------------
  { "a whole gzip stream", encoded(PACKED), data = FINE },
  { "a gzip stream cut in its head", encoded(PACKED:sub(1, 8)), kind = "protocol" },
  { "a gzip stream cut in its middle", encoded(PACKED:sub(1, 18)), kind = "protocol" },
  { "a gzip stream cut in its trailer", encoded(PACKED:sub(1, -5)), kind = "protocol" },
  { "a gzip stream without its last byte", encoded(PACKED:sub(1, -2)), kind = "protocol" },
  { "nothing where a gzip stream should be", encoded(""), kind = "protocol" },
  { "a gzip stream with a wrong checksum", encoded(changed(PACKED, #PACKED - 7)), kind = "protocol" },
  { "a gzip stream with a wrong length", encoded(changed(PACKED, #PACKED)), kind = "protocol" },
  { "a gzip stream damaged inside", encoded(changed(PACKED, 14)), kind = "protocol" },
  { "text that is called gzip", encoded(BODY), kind = "protocol" },
  { "garbage behind a gzip stream", encoded(PACKED .. "garbage"), kind = "protocol" },
  { "a gzip stream in chunks of one byte", chunks(""), data = FINE },
  { "a gzip stream in chunks that ends early", { read,
    send(STATUS .. "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. chunk(PACKED:sub(1, 15)) .. "0\r\n\r\n"), serve }, kind = "protocol" },
  { "a gzip stream cut, for a POST without a key", encoded(PACKED:sub(1, -5)), call = "post_unkeyed",
    kind = "protocol" },
  { "a gzip bomb", encoded(gzip "head -c 200000000 /dev/zero"), options = SMALL, kind = "too_large",
    memory = 6 * MEGABYTE },
  { "a coding that was not asked for", encoded("\139\2\128" .. BODY .. "\3", "br"),
    kind = "protocol" },
  { "a coding that nobody knows", encoded(BODY, "secret"), kind = "protocol" },
  { "the coding identity", encoded(BODY, "identity"), data = FINE },

  -- JSON. --------------------------------------------------------------------------------------------
  { "text that is no JSON", { read, send(STATUS .. "Content-Length: 6\r\n\r\n<html>"), serve },
    kind = "decode" },
  { "JSON that breaks off", { read, send(STATUS .. "Content-Length: 5\r\n\r\n{\"a\":"), serve },
    kind = "decode" },
}

-- The one with a byte a chunk.
for _, row in ipairs(ROWS) do
  if row[1]:find("chunks of one byte", 1, true) then
    row[2] = { read, send(STATUS .. "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. PACKED:gsub(".", chunk) .. "0\r\n\r\n"), serve }
  end
end

describe("a body", function()
  local server
  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)

  for _, row in ipairs(ROWS) do
    -- The head said 2xx: the service has acted.
    row.fault, row.attempts = row[2], row.attempts or 1
    if row.kind then row.outcome = row.outcome or "done" end
    rows.it(row, it, pending)("with " .. row[1], function() rows.check(server, row) end)
  end

  it("compressed twice is decoded twice or refused, never handed over as it is", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "wb"))
    file:write(PACKED)
    file:close()
    local twice = gzip("cat " .. name)
    os.remove(name)
    rows.check(server, {
      fault = encoded(twice, "gzip, gzip"), attempts = 1,
      check = function(result)
        if result.err then assert.equal("protocol", result.err.kind)
        else assert.same(FINE, result.data) end
      end,
    })
  end)

  it("of an error that is cut leaves it unknown what was meant", function()
    rows.check(server, {
      fault = { read, send "HTTP/1.1 422 X\r\nContent-Length: 90\r\n\r\n{\"code\":", finish },
      call = "post_unkeyed", kind = "protocol", outcome = "unknown", attempts = 1, wire = 1,
    })
  end)
end)
