local target = require("trailmark_testing").target

local function printable(text) return ("%q"):format(tostring(text)):sub(1, 40) end

describe("target path", function()
  local rows = { -- path, expected | nil, reason, offset
    { "/", "/" },
    { "/workspaces/me", "/workspaces/me" },
    { "/a//b/", "/a//b/" },
    { "//host/a", "//host/a" },
    { "/a%20b%2Fc%e9", "/a%20b%2Fc%e9" },
    { "/a-b._~!$&'()*+,;=:@", "/a-b._~!$&'()*+,;=:@" },
    { "/a{id}\"<>^`|", "/a{id}\"<>^`|" },
    { "/a?b=c&d", "/a?b=c&d" },
    { "/a?", "/a?" },
    { "/a??b", "/a??b" },
    { "/a?b=/../c\\d", "/a?b=/../c\\d" },
    { "/...", "/..." },
    { "/.a/..b/a./b../.%2e.", "/.a/..b/a./b../.%2e." },
    { "/%2ea", "/%2ea" },
    { "/%252e", "/%252e" },
    { "/..%2f", "/..%2f" },

    { nil, nil, "EMPTY", 0 },
    { "", nil, "EMPTY", 0 },
    { "a", nil, "NO_SLASH", 0 },
    { "?a", nil, "NO_SLASH", 0 },
    { "https://x/", nil, "NO_SLASH", 0 },
    { "/a b", nil, "SPACE", 2 },
    { "/a?b c", nil, "SPACE", 4 },
    { "/a#b", nil, "FRAGMENT", 2 },
    { "/a?b#", nil, "FRAGMENT", 4 },
    { "/a\\b", nil, "BACKSLASH", 2 },
    { "/a\\b?c", nil, "BACKSLASH", 2 },
    { "/a\195\169", nil, "NON_ASCII", 2 },
    { "/a?\128", nil, "NON_ASCII", 3 },
    { "/a\r\nHost: x", nil, "CONTROL", 2 },
    { "/a\0", nil, "CONTROL", 2 },
    { "/a\t", nil, "CONTROL", 2 },
    { "/a\127", nil, "CONTROL", 2 },
    { "/%", nil, "BAD_ESCAPE", 1 },
    { "/a%2", nil, "BAD_ESCAPE", 2 },
    { "/a%2g", nil, "BAD_ESCAPE", 2 },
    { "/a%g2", nil, "BAD_ESCAPE", 2 },
    { "/%20%", nil, "BAD_ESCAPE", 4 },
    { "/a?100%", nil, "BAD_ESCAPE", 6 },
    { "/.", nil, "DOT_SEGMENT", 1 },
    { "/..", nil, "DOT_SEGMENT", 1 },
    { "/a/./b", nil, "DOT_SEGMENT", 3 },
    { "/a/b/../c", nil, "DOT_SEGMENT", 5 },
    { "/a/..?b", nil, "DOT_SEGMENT", 3 },
    { "/%2e", nil, "DOT_SEGMENT", 1 },
    { "/%2E%2e/a", nil, "DOT_SEGMENT", 1 },
    { "/a/.%2E", nil, "DOT_SEGMENT", 3 },
    { "/a/%2e.", nil, "DOT_SEGMENT", 3 },
  }
  for _, row in pairs(rows) do
    it(("takes %s as %s"):format(printable(row[1]), row[2] and "it is" or row[3]), function()
      local written, reason, offset, name = target.path(row[1])
      assert.equal(row[2], written)
      assert.equal(row[3], reason)
      assert.equal(row[4], offset)
      assert.equal(row[3] and "", name)
    end)
  end

  it("follows the base URL's own", function()
    assert.equal("/v1/workspaces/me", target.path("/workspaces/me", nil, "/v1"))
    local written, reason, offset = target.path("/a/..", nil, "/v1")
    assert.is_nil(written)
    assert.equal("DOT_SEGMENT", reason)
    assert.equal(3, offset)
  end)

  it("decides on every byte, wherever it stands", function()
    local refused = {
      [" "] = "SPACE", ["#"] = "FRAGMENT", ["%"] = "BAD_ESCAPE", ["\\"] = "BACKSLASH",
    }
    for code = 0, 255 do
      local byte = string.char(code)
      local expected = (code < 32 or code == 127) and "CONTROL" or code > 127 and "NON_ASCII"
        or refused[byte]
      for _, path in ipairs { "/x" .. byte, "/" .. byte .. "x", "/x" .. byte .. "x/y" } do
        local written, reason = target.path(path)
        assert.equal(expected, reason or nil, path)
        assert.equal(not expected and path or nil, written)
      end
    end
  end)

  it("may be as long as the limit and no longer", function()
    local longest = "/" .. ("x"):rep(16383)
    assert.equal(longest, target.path(longest))
    assert.equal("TOO_LONG", (select(2, target.path(longest .. "x"))))
    assert.equal("TOO_LONG", (select(2, target.path("/", nil, longest))))
  end)
end)

describe("target path with params", function()
  local id, both = { { "id", "7" } }, { { "id", "7" }, { "to", "a/b c" } }
  local rows = { -- path, params, expected | nil, reason, offset, name
    { "/c/{id}", id, "/c/7" },
    { "/{id}", id, "/7" },
    { "/{id}/c", id, "/7/c" },
    { "/c/{id}/{to}", both, "/c/7/a%2Fb%20c" },
    { "/c/{to}{id}{id}", both, "/c/a%2Fb%20c77" },
    { "/c/x{id}y?q={to}", both, "/c/x7y?q=a%2Fb%20c" },
    { "/c", {}, "/c" },
    { "/c/{a_b-c.D9}", { { "a_b-c.D9", "1" } }, "/c/1" },
    { "/c/{id}", { { "id", "{id}" } }, "/c/%7Bid%7D" },
    { "/c/{id}", { { "id", "%2e%2e" } }, "/c/%252e%252e" },
    { "/c/{id}", { { "id", "../a" } }, "/c/..%2Fa" },
    { "/c/{id}", { { "id", "a\r\nb\0\255" } }, "/c/a%0D%0Ab%00%FF" },
    { "/c/{id}", { { "id", "..." } }, "/c/..." },

    { "/c/{id}", {}, nil, "MISSING_PARAM", 0, "id" },
    { "/c/{id}", { { "ID", "7" } }, nil, "MISSING_PARAM", 0, "id" },
    { "/c/{id}", both, nil, "UNUSED_PARAM", 0, "to" },
    { "/c", id, nil, "UNUSED_PARAM", 0, "id" },
    { "/c/{id}", { { "id", "" } }, nil, "EMPTY_PARAM", 0, "id" },
    { "/c/{id}", { { "id", "." } }, nil, "DOT_PARAM", 0, "id" },
    { "/c/x{id}", { { "id", ".." } }, nil, "DOT_PARAM", 0, "id" },
    { "/c/.{id}", { { "id", "%" } }, "/c/.%25" },
    { "/c/%2{id}", id, nil, "BAD_ESCAPE", 3, "" },
    { "/c/{", {}, nil, "BAD_TEMPLATE", 3, "" },
    { "/c/}", {}, nil, "BAD_TEMPLATE", 3, "" },
    { "/c/{}", {}, nil, "BAD_TEMPLATE", 3, "" },
    { "/c/{id", id, nil, "BAD_TEMPLATE", 3, "" },
    { "/c/{id}}", id, nil, "BAD_TEMPLATE", 7, "" },
    { "/c/{{id}}", id, nil, "BAD_TEMPLATE", 3, "" },
    { "/c/{i/d}", id, nil, "BAD_TEMPLATE", 3, "" },
    { "/c/{i?d}", id, nil, "BAD_TEMPLATE", 3, "" },
    { "/c/{~id}", id, nil, "BAD_TEMPLATE", 3, "" },
    { "/{id}/../c", id, nil, "DOT_SEGMENT", 6, "" },
    { "/{id}/{to}/%2e", both, nil, "DOT_SEGMENT", 11, "" },
    { "/{id} ", id, nil, "SPACE", 5, "" },
    { "/{id}\\", id, nil, "BACKSLASH", 5, "" },
    { "{id}", id, nil, "NO_SLASH", 0, "" },
  }
  for _, row in ipairs(rows) do
    it(("takes %s as %s"):format(row[1], row[3] or row[4]), function()
      local written, reason, offset, name = target.path(row[1], row[2])
      assert.equal(row[3], written)
      assert.equal(row[4], reason)
      assert.equal(row[5], offset)
      assert.equal(row[6], name)
    end)
  end

  it("meets the limit with encoded bytes", function()
    local value = (" "):rep(5461) -- 16383 bytes
    assert.equal("/" .. ("%20"):rep(5461), target.path("/{v}", { { "v", value } }))
    assert.equal("TOO_LONG", (select(2, target.path("/{v}x", { { "v", value } }))))
    assert.equal("TOO_LONG", (select(2, target.path("/x{v}", { { "v", value } }))))
    local run = ("x"):rep(16384) .. " " -- too long before its first encoded byte
    assert.equal("TOO_LONG", (select(2, target.path("/{v}", { { "v", run } }))))
  end)
end)

describe("target pair", function()
  local rows = { -- so far, name, value, expected | nil, reason
    { "/a", "b", "c", "/a?b=c" },
    { "/a?", "b", "c", "/a?b=c" },
    { "/a?x=1", "b", "c", "/a?x=1&b=c" },
    { "/a?x=1&", "b", "c", "/a?x=1&b=c" },
    { "/a&", "b", "c", "/a&?b=c" },
    { nil, "b", "c", "?b=c" },
    { "/a", "b", "", "/a?b=" },
    { "/a", "b", nil, "/a?b=" },
    { "/a", "b c", "d+e&f=g#h", "/a?b%20c=d%2Be%26f%3Dg%23h" },
    { "/a", "a[]", "\195\169", "/a?a%5B%5D=%C3%A9" },
    { "/a", "b", "..", "/a?b=.." },
    { "/a", "", "c", nil, "NO_NAME" },
    { "/a", nil, "c", nil, "NO_NAME" },
    { ("x"):rep(16383), "b", "c", nil, "TOO_LONG" },
    { ("x"):rep(16384), "b", "c", nil, "TOO_LONG" },
    { ("x"):rep(16382), "b", "c", nil, "TOO_LONG" },
    { ("x"):rep(16381), "b", "c", nil, "TOO_LONG" },
  }
  for _, row in pairs(rows) do
    local before, name, value = printable(row[1]), printable(row[2]), printable(row[3])
    it(("adds %s = %s to %s"):format(name, value, before), function()
      local written, reason = target.pair(row[2], row[3], row[1])
      assert.equal(row[4], written)
      assert.equal(row[5], reason)
    end)
  end

  it("fits to the last byte", function()
    local before = ("x"):rep(16380)
    assert.equal(before .. "?b=c", target.pair("b", "c", before))
  end)

  it("encodes any bytes so that they decode to themselves", function()
    math.randomseed(3986)
    local function random_bytes(least)
      local bytes = {}
      for i = 1, math.random(least, 12) do bytes[i] = string.char(math.random(0, 255)) end
      return table.concat(bytes)
    end
    local function encoded(text)
      return (text:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
    end
    for _ = 1, 5000 do
      local name, value = random_bytes(1), random_bytes(0)
      assert.equal("/a?" .. encoded(name) .. "=" .. encoded(value), target.pair(name, value, "/a"))
    end
  end)
end)

describe("target query", function()
  local rows = { -- so far, query, expected | nil, reason, offset
    { "/a", "b=c&d", "/a?b=c&d" },
    { "/a?x", "b=c", "/a?x&b=c" },
    { "/a?", "b=c", "/a?b=c" },
    { "/a", "b=/?:@{}\\\"", "/a?b=/?:@{}\\\"" },
    { "/a", "b=%20+", "/a?b=%20+" },
    { "/a", "", "/a" },
    { "/a", nil, "/a" },
    { "/a", "?b=c", nil, "QUESTION_MARK", 0 },
    { "/a", " b=c", nil, "SPACE", 0 },
    { "/a", "%", nil, "BAD_ESCAPE", 0 },
    { "/a", "b=c d", nil, "SPACE", 3 },
    { "/a", "b=c#d", nil, "FRAGMENT", 3 },
    { "/a", "b=\195\169", nil, "NON_ASCII", 2 },
    { "/a", "b\r\nHost: x", nil, "CONTROL", 1 },
    { "/a", "b=\0", nil, "CONTROL", 2 },
    { "/a", "b=100%", nil, "BAD_ESCAPE", 5 },
    { ("x"):rep(16380), "b=cd", nil, "TOO_LONG", 0 },
  }
  for _, row in pairs(rows) do
    it(("takes %s as %s"):format(printable(row[2]), row[3] and "it is" or row[4]), function()
      local written, reason, offset = target.query(row[2], row[1])
      assert.equal(row[3], written)
      assert.equal(row[4], reason)
      assert.equal(row[5], offset)
    end)
  end
end)

-- The rules once more, over strings.
local function judge(path)
  if path == "" then return "EMPTY" end
  if path:sub(1, 1) ~= "/" then return "NO_SLASH" end
  local rest, at = path, 1
  while at <= #rest do
    local byte = rest:sub(at, at)
    if byte:find "%c" then return "CONTROL" end
    if byte:byte() > 127 then return "NON_ASCII" end
    if byte == " " then return "SPACE" end
    if byte == "#" then return "FRAGMENT" end
    if byte == "%" and not rest:find("^%%%x%x", at) then return "BAD_ESCAPE" end
    at = at + 1
  end
  local part = path:match "^[^?]*"
  if part:find("\\", 1, true) then return "BACKSLASH" end
  local plain = part:gsub("%%2[eE]", ".") .. "/"
  if plain:find("/./", 1, true) or plain:find("/../", 1, true) then return "DOT_SEGMENT" end
  return nil
end

describe("target path beside a judge", function()
  local pieces = { "/", "/", ".", ".", "%2e", "%2E", "%2f", "a", "?", "%", "\\", " ", "#", "{", "}",
                   "\0", "\200", "\127", "%4" }
  it("agrees on random pieces", function()
    math.randomseed(6570)
    local seen = { OK = 0 }
    for _ = 1, 60000 do
      local parts = {}
      local last = math.random(2) == 1 and 9 or #pieces -- half of them without refused bytes
      for i = 1, math.random(0, 6) do parts[i] = pieces[math.random(last)] end
      local path = (math.random(20) > 1 and "/" or "") .. table.concat(parts)
      local written, reason = target.path(path)
      assert.equal(judge(path), reason or nil, path)
      assert.equal(not reason and path or nil, written)
      seen[reason or "OK"] = (seen[reason or "OK"] or 0) + 1
    end
    for _, reason in ipairs { "OK", "NO_SLASH", "CONTROL", "SPACE", "FRAGMENT", "BACKSLASH",
                              "NON_ASCII", "BAD_ESCAPE", "DOT_SEGMENT" } do
      assert.is_true(seen[reason] > 100, reason)
    end
  end)
end)

describe("target without memory", function()
  it("says so", function()
    for _, call in ipairs { { target.path, "/a" }, { target.path, "/{v}", { { "v", "a b" } } },
                            { target.pair, "b", "c" }, { target.query, "b=c" } } do
      local written, reason = target.starved(call[1], call[2], call[3])
      assert.is_nil(written)
      assert.equal("NO_MEMORY", reason)
    end
  end)
end)

describe("target.text", function()
  it("has words for every reason, and no two the same", function()
    local seen = {}
    for reason = 0, target.count() - 1 do
      local text = target.text(reason)
      assert.is_true(#text > 5)
      assert.is_nil(seen[text])
      seen[text] = true
    end
    assert.equal("cannot be sent", target.text(target.count()))
  end)
end)
