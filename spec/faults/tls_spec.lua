--- TLS: whom not to believe, and ends that are not signed.

local failing_child = require "spec.support.failing_child"
local faults = require "spec.support.faults"
local rows = require "spec.support.fault_rows"

local read, send, handshake = faults.read, faults.send, faults.handshake
local finish, reset, goodbye, serve = faults.finish, faults.reset, faults.goodbye, faults.serve

local BODY = '{"fine":true}'
local HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
local CLOSING = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
local FINE = { fine = true }
local TLS_1_1, TLS_1_2 = 0x0302, 0x0303
local CUT = { "protocol", "network", "tls" }

local function identity(name) return { handshake(name), serve } end

local function bytes(tm) return tm:get("/thing", nil, { decode = false }) end

local function spoken(...) return { handshake(), read, ... } end

local ROWS = {
  -- Nothing of a request leaves for one of these, and another attempt would meet the same. -----------
  { "a certificate for another host", identity "wrong-host", kind = "tls", outcome = "not_sent",
    attempts = 1, wire = 0 },
  { "an expired certificate", identity "expired", kind = "tls", outcome = "not_sent", attempts = 1,
    wire = 0 },
  { "a certificate that is not yet valid", identity "not-yet-valid", kind = "tls",
    outcome = "not_sent", attempts = 1, wire = 0 },
  { "an unknown issuer", identity "unknown-issuer", kind = "tls", outcome = "not_sent", attempts = 1,
    wire = 0 },
  { "a certificate that signed itself", identity "self-signed", kind = "tls", outcome = "not_sent",
    attempts = 1, wire = 0 },
  { "another host's certificate, for a POST without a key", identity "wrong-host", kind = "tls",
    call = "post_unkeyed", outcome = "not_sent", attempts = 1, wire = 0 },
  -- Its reset may overtake its alert, and then another attempt is right.
  { "TLS 1.1 and older only", { handshake("good", TLS_1_1), serve }, kind = "tls",
    outcome = "not_sent", wire = 0 },
  { "TLS 1.2", { handshake("good", TLS_1_2), serve }, data = FINE, attempts = 1 },
  { "plain HTTP where TLS is spoken", { send "HTTP/1.1 400 Bad Request\r\n\r\n", finish },
    kind = "tls", outcome = "not_sent", attempts = 1 },

  -- The server cannot have acted, so any method may be sent again. ------------------------------------
  { "a reset before the handshake", { reset }, kind = { "network", "tls" }, outcome = "not_sent",
    attempts = 2 },
  { "a reset inside the handshake", { faults.await, reset }, kind = { "network", "tls" },
    call = "post_unkeyed", outcome = "not_sent", attempts = 2 },
  { "an end inside the handshake", { faults.await, finish }, kind = { "network", "tls" },
    call = "post_unkeyed", outcome = "not_sent", attempts = 2 },
  { "one reset inside the handshake, then all is well", plans = { { faults.await, reset } },
    call = "post_unkeyed", data = FINE, attempts = 2 },
  { "silence inside the handshake", { faults.pause(20000) }, options = { timeout = 0.15 },
    call = "post_unkeyed", kind = "timeout", outcome = "not_sent", attempts = 2,
    within = 0.3 + rows.GRACE },
  { "silence inside the handshake beyond connect_timeout", { faults.pause(20000) },
    options = { connect_timeout = 0.15 }, call = "post_unkeyed", kind = "timeout",
    outcome = "not_sent", attempts = 2, within = 0.3 + rows.GRACE },

  { "a status line of HTTP/2 where HTTP/1.1 was agreed",
    spoken(send("HTTP/2 200\r\nContent-Length: 13\r\n\r\n" .. BODY), goodbye, finish),
    kind = "protocol" },

  -- Ends without close_notify, which anybody on the way can make. -------------------------------------
  { "an unsigned end behind the request", spoken(finish), kind = CUT, outcome = "unknown",
    attempts = 2 },
  { "an unsigned end inside the header block", spoken(send(HEAD:sub(1, 40)), finish), kind = CUT,
    outcome = "unknown", attempts = 2 },
  { "a signed end inside the header block", spoken(send(HEAD:sub(1, 40)), goodbye, finish),
    kind = CUT, outcome = "unknown", attempts = 2 },
  { "an unsigned end inside a body of known length", spoken(send(HEAD .. BODY:sub(1, 5)), finish),
    kind = CUT, outcome = "done", attempts = 2 },
  { "a signed end inside a body of known length", spoken(send(HEAD .. BODY:sub(1, 5)), goodbye,
    finish), kind = "protocol", outcome = "done", attempts = 2 },
  { "an unsigned end inside a body of unknown length", spoken(send(CLOSING .. BODY:sub(1, 5)), finish),
    kind = { "protocol", "network", "tls", "decode" }, outcome = "done" },
  { "an unsigned end of a body of unknown length, where any bytes are fine",
    spoken(send(CLOSING .. BODY:sub(1, 5)), finish), kind = "protocol", outcome = "done",
    attempts = 1, call = bytes },
  -- libcurl does not tell it from the former.
  { "a signed end of a body of unknown length, where any bytes are fine",
    spoken(send(CLOSING .. BODY), goodbye, finish), kind = "protocol", outcome = "done",
    attempts = 1, call = bytes },
  { "an unsigned end instead of a body of unknown length", spoken(send(CLOSING), finish),
    kind = "protocol", outcome = "done", attempts = 1 },
  { "an unsigned end behind an answer that has no body, where any bytes are fine",
    spoken(send("HTTP/1.1 204 No Content\r\n\r\n"), finish), data = "", attempts = 1, call = bytes },
  { "a signed end of a body of unknown length", spoken(send(CLOSING .. BODY), goodbye, finish),
    data = FINE, attempts = 1 },
  { "an unsigned end behind a whole answer", spoken(send(HEAD .. BODY), finish), data = FINE,
    attempts = 1 },
  { "an unsigned end instead of the last chunk", spoken(
    send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n" .. BODY .. "\r\n"), finish),
    kind = CUT, outcome = "done", attempts = 2 },
  { "an unsigned end inside a body, for a POST without a key",
    spoken(send(HEAD .. BODY:sub(1, 5)), finish), call = "post_unkeyed", kind = CUT,
    outcome = "done", attempts = 1, wire = 1 },
  { "a reset inside the body", spoken(send(HEAD .. BODY:sub(1, 5)), reset), kind = CUT,
    outcome = "done", attempts = 2 },
  { "bytes that are no record, inside the body", spoken(send(HEAD),
    faults.send_beneath(("x"):rep(50)), finish), kind = CUT, outcome = "done" },
}

describe("TLS with", function()
  local server
  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)

  for _, row in ipairs(ROWS) do
    row.fault, row.scheme = row[2], "tls"
    it(row[1], function() rows.check(server, row) end)
  end

  it("an authority of the system's, which did not sign this certificate", function()
    local url = server:script({}, { scheme = "tls" })
    local tm = assert(require "trailmark".new { base_url = url, key = "tm_live_x", pace = "off" })
    local _, err = tm:get "/thing"
    assert.equal("tls", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.equal(0, #server:seen().requests)
    tm:close()
  end)

  it("a kept connection that was found dead before, of which the next one's failure is told no less", function()
    local kept = rows.client(server, server:script({}, { scheme = "tls" }))
    assert(kept:get "/thing")
    local url = server:script({ { send "HTTP/1.1 400 Bad Request\r\n\r\n", finish } },
      { scheme = "tls", every = true }) -- which ends that connection
    kept:sleep(1.1) -- libcurl looks for such once a second
    local tm = rows.client(server, url, { retries = 0 })
    local _, err = tm:get "/thing"
    assert.equal("tls", err.kind)
    assert.matches("wrong version number", err.message)
    kept:close()
    tm:close()
  end)

  -- By then the system does not know the peer any more, of which libcurl tells and goes on.
  it("an end before the client looked at its peer", function()
    local url = server:script({ { faults.await, reset } }, { scheme = "tls" })
    failing_child([[
      local tm = client { ca_file = os.getenv "CA" }
      system.late_peers(true)
      local data, err = tm:post("/thing", { name = "Ada" }, { idempotency_key = false, retries = 0 })
      assert(data == nil and err.kind == "network" and err.outcome == "not_sent", tostring(err))
      assert(err.message:find("inside the TLS handshake", 1, true), err.message)
      system.late_peers(false)
      data, err = tm:get "/thing"
      assert(data and data.fine, tostring(err))
    ]], { URL = url, CA = server.ca_file })
  end)
end)
