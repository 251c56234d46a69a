-- Answers that break: cut short, reset, malformed, too large, not JSON. What is told, and that the client is good
-- for the next call.

local trailmark = require "trailmark"
local raw_server = require "spec.support.raw_server"

local OK = "HTTP/1.1 200 OK\r\n"

--- Calls a server that says `text` on its first connection and `{}` on every other one. Returns the first call's
--- results.
local function answered(text, opts, method)
  local server = raw_server.start(function(connection, number, say)
    while connection:request() do
      say("request\n")
      if number > 1 then
        connection:answer(200, "{}")
      elseif type(text) == "function" then
        return text(connection)
      else
        return connection:say(text)
      end
    end
  end)
  local all = { key = "tm_live_x", pace = "off", base_url = server.url, retries = 0, timeout = 5 }
  for name, value in pairs(opts or {}) do all[name] = value end
  local tm = assert(trailmark.new(all))
  local data, err, response = tm:request { method = method or "GET", path = "/x" }
  if not all.retries or all.retries == 0 then
    assert.same({}, tm:get("/x"))
    local said = server:stop()
    local _, requests = said:gsub("request\n", "")
    assert.equal(2, requests)
  else
    server:stop()
  end
  return data, err, response
end

describe("a broken answer", function()
  local rows = {
    { "nothing at all", "", "network", "unknown" },
    { "half a status line", "HTTP/1.1 20", "network", "unknown" },
    { "no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "protocol", "unknown" },
    { "a header block that ends early", OK .. "Content-Length: 2\r\n", "protocol", "unknown" },
    { "a body that ends early", OK .. "Content-Length: 20\r\n\r\n{}", "protocol", "done" },
    { "a chunk that ends early", OK .. "Transfer-Encoding: chunked\r\n\r\n9\r\n{}", "protocol", "done" },
    { "chunks without the last", OK .. "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "protocol", "done" },
    { "two lengths", OK .. "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "protocol", "unknown" },
    { "a length that is no number", OK .. "Content-Length: 2x\r\n\r\n{}", "protocol", "unknown" },
    { "a NUL in a header", OK .. "X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}", "protocol", "unknown" },
    { "a header of 100 KB", OK .. "X-A: " .. ("a"):rep(100000) .. "\r\n\r\n", "too_large", "unknown" },
    { "1,000 headers", OK .. ("X-A: a\r\n"):rep(1000) .. "\r\n", "protocol", "unknown" },
    { "100 interim answers", ("HTTP/1.1 102 X\r\n\r\n"):rep(100) .. OK .. "\r\n", "protocol", "unknown" },
    { "what says gzip and is not", OK .. "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "protocol", "done" },
    { "half an error's body", "HTTP/1.1 404 No\r\nContent-Length: 20\r\n\r\n{}", "protocol", "unknown" },
  }
  for _, row in ipairs(rows) do
    it(row[1] .. " is kind " .. row[3], function()
      local data, err = answered(row[2], nil, "PUT")
      assert.is_nil(data)
      assert.equal(row[3], err.kind, tostring(err))
      assert.equal(row[4], err.outcome)
      assert.equal(1, err.attempts)
      assert.is_nil(tostring(err):find("%c"))
    end)
  end

  it("that is a reset is kind network", function()
    local data, err = answered(function(connection) connection:reset() end)
    assert.is_nil(data)
    assert.equal("network", err.kind)
    assert.equal("unknown", err.outcome)
    assert.is_true(err.retryable)
  end)

  it("is asked for again where it was cut short", function()
    for _, text in ipairs { "", "HTTP/1.1 20", OK .. "Content-Length: 20\r\n\r\n{}" } do
      local data, _, response = answered(text, { retries = 1, backoff = { base = 0.005, cap = 0.02 } })
      assert.same({}, data)
      assert.equal(2, response.attempts)
    end
  end)

  it("is not asked for again where it is malformed", function()
    local _, err = answered(OK .. "Content-Length: 2x\r\n\r\n{}", { retries = 3 })
    assert.equal(1, err.attempts)
  end)
end)

describe("an answer that is not JSON", function()
  it("is kind decode, and the call has been done", function()
    local page = "Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
    local data, err, response = answered(OK .. page, nil, "POST")
    assert.is_nil(data)
    assert.equal("decode", err.kind)
    assert.equal("done", err.outcome)
    assert.is_false(err.retryable)
    assert.equal("<html>", err.body)
    assert.equal(200, err.status)
    assert.equal(200, response.status)
    assert.matches("login page", err.hint)
    assert.matches("has acted, do not repeat", tostring(err))
  end)
end)

describe("max_response_bytes", function()
  local function sized(size, opts)
    local body = '"' .. ("x"):rep(size - 2) .. '"'
    local head = ("Content-Length: %d\r\n\r\n"):format(size)
    return answered(OK .. head .. body, opts)
  end

  it("is what a body may be long", function()
    assert.equal(998, #sized(1000, { max_response_bytes = 1000 }))
    local data, err = sized(1001, { max_response_bytes = 1000 })
    assert.is_nil(data)
    assert.equal("too_large", err.kind)
    assert.equal("done", err.outcome)
    assert.is_false(err.retryable)
    assert.matches("max_response_bytes", tostring(err))
  end)

  it("counts chunks", function()
    local chunks = ("400\r\n" .. ("x"):rep(1024) .. "\r\n"):rep(8) .. "0\r\n\r\n"
    local _, err = answered(OK .. "Transfer-Encoding: chunked\r\n\r\n" .. chunks, { max_response_bytes = 2000 })
    assert.equal("too_large", err.kind)
  end)

  it("counts what was decompressed", function()
    -- 1 MiB of zeros, as `gzip -9n` makes it
    local pipe = assert(io.popen("head -c 1048576 /dev/zero | gzip -9n"))
    local packed = pipe:read("*a")
    pipe:close()
    assert.is_true(#packed < 2000)
    local head = OK .. ("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"):format(#packed)
    local _, err = answered(head .. packed, { max_response_bytes = 100000 })
    assert.equal("too_large", err.kind)
  end)
end)

describe("an odd answer that is whole", function()
  it("is an answer", function()
    for _, text in ipairs {
      OK .. "\r\n{}", -- to the end of the connection
      "HTTP/1.0 200 OK\r\n\r\n{}",
      "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" .. OK .. "Content-Length: 2\r\n\r\n{}",
      OK .. "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n",
      OK .. "content-length:2\r\n\r\n{}",
    } do
      local data, err = answered(text)
      assert.same({}, data, tostring(err))
    end
  end)

  it("may have empty and folded headers", function()
    local _, _, response = answered(OK .. "X-Empty:\r\nX-Folded: a\r\n  b\r\nContent-Length: 2\r\n\r\n{}")
    assert.equal("", response.headers["x-empty"])
    assert.equal("a b", response.headers["x-folded"])
  end)
end)
