local header = require("trailmark_testing").caller_header

describe("caller_header.check", function()
  local rows = { -- name, value, expected
    { "X-Team", "sales", "OK" },
    { "X-Team", "", "OK" },
    { "X-Team", "a\tb c", "OK" },
    { "X-Team", "caf\195\169", "OK" },
    { "Accept", "text/csv", "OK" },
    { "User-Agent", "mine/1", "OK" },
    { "If-Match", '"v1"', "OK" },
    { "Te-Aroha", "x", "OK" },
    { "Proxy", "x", "OK" },
    { "Hosts", "x", "OK" },
    { ("n"):rep(256), ("v"):rep(8192), "OK" },

    { "", "x", "NO_NAME" },
    { nil, "x", "NO_NAME" },
    { "X Team", "x", "NAME_BYTE" },
    { "X-Team:", "x", "NAME_BYTE" },
    { "X-Team\r\nHost", "x", "NAME_BYTE" },
    { "X-Team\0", "x", "NAME_BYTE" },
    { "caf\195\169", "x", "NAME_BYTE" },
    { ":authority", "x", "NAME_BYTE" },
    { "X-Team", "a\r\nHost: evil", "VALUE_BYTE" },
    { "X-Team", "a\n", "VALUE_BYTE" },
    { "X-Team", "a\rb", "VALUE_BYTE" },
    { "X-Team", "\0", "VALUE_BYTE" },
    { "X-Team", "\127", "VALUE_BYTE" },
    { ("n"):rep(257), "x", "TOO_LONG" },
    { "X-Team", ("v"):rep(8193), "TOO_LONG" },

    { "Host", "x", "FRAMING" },
    { "hOST", "x", "FRAMING" },
    { "Content-Length", "0", "FRAMING" },
    { "Transfer-Encoding", "chunked", "FRAMING" },
    { "Connection", "close", "FRAMING" },
    { "Keep-Alive", "5", "FRAMING" },
    { "Upgrade", "h2c", "FRAMING" },
    { "HTTP2-Settings", "x", "FRAMING" },
    { "TE", "trailers", "FRAMING" },
    { "Trailer", "x", "FRAMING" },
    { "Expect", "100-continue", "FRAMING" },
    { "authorization", "Bearer x", "CREDENTIAL" },
    { "Proxy-Authorization", "x", "PROXY" },
    { "proxy-connection", "x", "PROXY" },
    { "Proxy-", "x", "PROXY" },
    { "Idempotency-Key", "x", "IDEMPOTENCY" },
    { "content-type", "text/csv", "CONTENT_TYPE" },
    { "Accept-Encoding", "br", "ENCODING" },
    { "Host", "a\r\nb", "FRAMING" },
  }
  for _, row in pairs(rows) do
    local name = tostring(row[1])
    it(("says %s of %q: %q"):format(row[3], name:sub(1, 30), row[2]:sub(1, 30)), function()
      assert.equal(row[3], header.check(row[1], row[2]))
    end)
  end

  it("lets no byte through that ends a line, wherever it stands", function()
    for code = 0, 31 do
      local byte = string.char(code)
      for _, value in ipairs { byte, "x" .. byte, byte .. "x", "x" .. byte .. "x" } do
        assert.equal(code == 9 and "OK" or "VALUE_BYTE", header.check("X-Team", value))
        assert.equal("NAME_BYTE", header.check(value, "x"))
      end
    end
  end)
end)

describe("caller_header.text", function()
  it("has words for every reason, and no two the same", function()
    local seen = {}
    for reason = 0, header.count() - 1 do
      local text = header.text(reason)
      assert.is_true(#text > 5)
      assert.is_nil(seen[text])
      seen[text] = true
    end
    assert.equal("cannot be sent", header.text(header.count()))
  end)
end)
