-- HTTPS and HTTP/2, spoken through openssl's s_client, which verifies the
-- certificate against sb.ca_file alone. The HTTP/2 frames are made here by hand.

local sandbox = require("trailmark.sandbox")
local talk = require("spec.sandbox.talk")

-- A TLS connection as a pair of streams, verified for `name`.
local function connect(sb, protocol, name)
  local fifo = os.tmpname()
  os.execute("rm -f " .. fifo .. "; mkfifo " .. fifo)
  local input = io.popen(([[exec openssl s_client -connect 127.0.0.1:%d -servername localhost \
    -no-CApath -no-CAstore -CAfile %s -verify_return_error -verify_%s \
    -alpn %s -quiet -no_ign_eof >%s 2>/dev/null]])
    :format(talk.port(sb.url), sb.ca_file, name, protocol, fifo), "w")
  local output = io.open(fifo, "r")
  os.remove(fifo)
  return input, output
end

local function frame(kind, flags, stream, payload)
  local size = #payload
  return string.char(0, math.floor(size / 256), size % 256, kind, flags, 0, 0, 0, stream) .. payload
end

local function read_frame(output)
  local size_high, size, kind, flags = output:read(9):byte(2, 5)
  return kind, flags, size_high * 256 + size > 0 and output:read(size_high * 256 + size) or ""
end

-- HPACK: an indexed field, a field with an indexed name, both without Huffman codes.
local function get_headers(path, authority, key)
  local value = "Bearer " .. key
  return "\130\135" -- :method GET, :scheme https
    .. "\4" .. string.char(#path) .. path
    .. "\1" .. string.char(#authority) .. authority
    .. "\15\8" .. string.char(#value) .. value -- authorization
end

describe("the sandbox over HTTPS", function()
  local sb

  setup(function() sb = assert(sandbox.start({ https = true })) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  for _, name in ipairs({ "hostname localhost", "ip 127.0.0.1" }) do
    it("answers under a certificate for " .. name, function()
      local input, output = connect(sb, "http/1.1", name)
      finally(function()
        output:close()
        input:close()
      end)
      input:write("GET /v1/workspaces/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        .. "Authorization: Bearer " .. sb.key .. "\r\n\r\n")
      input:flush()
      local answer = talk.parse(output:read("*a"))
      assert.equal(200, answer.status)
      assert.equal(sb.workspace_id, answer.json.id)
    end)
  end

  it("has no certificate for other names", function()
    local input, output = connect(sb, "http/1.1", "hostname example.com")
    assert.equal("", output:read("*a"))
    output:close()
    input:close()
  end)

  -- The body of a GET over HTTP/2, and whether the stream was reset.
  local function get(path)
    local input, output = connect(sb, "h2", "hostname localhost")
    input:write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(4, 0, 0, ""),
      frame(1, 5, 1, get_headers(path, "localhost", sb.key)))
    input:flush()
    local body, ended, reset = "", false, false
    while not ended and not reset do
      local kind, flags, payload = read_frame(output)
      body = body .. (kind == 0 and payload or "")
      ended = kind <= 1 and flags % 2 == 1 -- END_STREAM
      reset = kind == 3 -- RST_STREAM
    end
    output:close()
    input:close()
    return body, reset
  end

  it("speaks HTTP/2", function()
    local body, reset = get("/v1/workspaces/me")
    assert.is_false(reset)
    assert.matches('^{"id":"' .. sb.workspace_id .. '".*}$', body)
    assert.equal("HTTP/2.0", sb:log()[1].protocol)
  end)

  it("breaks the stream where a fault is scripted", function()
    sb:script({ { fault = "reset" }, { fault = "truncate" } })
    local body, reset = get("/v1/workspaces/me")
    assert.equal("", body)
    assert.is_true(reset)
    body, reset = get("/v1/workspaces/me")
    assert.matches('^{"id":"' .. sb.workspace_id .. '".*[^}]$', body)
    assert.is_true(reset)
    assert.is_false(select(2, get("/v1/workspaces/me")))
  end)

  it("keeps HTTP beside it, with the same state", function()
    assert.matches("^https://127%.0%.0%.1:%d+/v1$", sb.url)
    assert.matches("^http://127%.0%.0%.1:%d+/v1$", sb.http_url)
    assert.equal(200, talk.ask(sb, "GET", "/workspaces/me").status)
    assert.equal("GET", sb:log()[1].method)
  end)

  it("is not there where it was not asked for", function()
    local plain = assert(sandbox.start())
    finally(function() plain:stop() end)
    assert.is_nil(plain.ca_file)
    assert.equal(plain.http_url, plain.url)
  end)
end)
