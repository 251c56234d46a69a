-- Values that cannot be sent: each is refused with an error of kind "argument" that names it, and
-- nothing reaches the wire.

local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"
local raises = require "spec.support.raises"

local sb, tm
setup(function()
  sb = assert(sandbox.start { limit = 1000000 })
  tm = assert(sb:client())
end)
teardown(function()
  tm:close()
  sb:stop()
end)

local CONTROLS = {}
for byte = 0, 31 do CONTROLS[#CONTROLS + 1] = string.char(byte) end
CONTROLS[#CONTROLS + 1] = "\127"

local function is_refused(name, data, err, response)
  assert.is_nil(data)
  assert.is_nil(response)
  assert.equal("argument", err.kind)
  assert.equal("not_sent", err.outcome)
  assert.is_false(err.retryable)
  assert.is_nil(err.attempts)
  assert.matches(name, err.message)
  local line = tostring(err)
  assert.is_nil(line:find("[%c]"), "a control byte is in the printed line")
  assert.matches(name, line)
end

local function nothing_was_sent()
  assert.equal(0, sb:counts().requests)
end

describe("a control byte", function()
  after_each(nothing_was_sent)

  it("cannot be in a path", function()
    for _, byte in ipairs(CONTROLS) do
      is_refused("path", tm:get("/a" .. byte .. "b"))
      is_refused("path", tm:get(sb.url .. "/a" .. byte .. "b"))
      is_refused("path", tm:request { path = "/a?b=" .. byte })
    end
    is_refused("path", tm:get("/a HTTP/1.1\r\nHost: evil\r\n\r\nGET /b"))
  end)

  it("cannot be in an encoded query", function()
    for _, byte in ipairs(CONTROLS) do is_refused("query", tm:get("/a", "b=" .. byte)) end
  end)

  it("cannot be in a header's name or value", function()
    for _, byte in ipairs(CONTROLS) do
      is_refused("headers", tm:get("/a", nil, { headers = { ["X" .. byte] = "v" } }))
      if byte ~= "\t" then
        is_refused('headers: the value of "X%-A"', tm:get("/a", nil, { headers = { ["X-A"] = byte } }))
      end
    end
  end)

  it("cannot be in content_type or idempotency_key", function()
    for _, byte in ipairs(CONTROLS) do
      is_refused("content_type", tm:post("/a", "x", { content_type = "text/" .. byte .. "x" }))
      is_refused("idempotency_key", tm:post("/a", {}, { idempotency_key = "k" .. byte }))
    end
  end)

  it("cannot be in the method", function()
    for _, byte in ipairs(CONTROLS) do
      raises("method must be", function() tm:request { method = "GET" .. byte, path = "/a" } end)
    end
  end)

  it("cannot be in user_agent or a header of the client", function()
    for _, byte in ipairs(CONTROLS) do
      raises("user_agent", function() trailmark.new { key = "tm_live_x", user_agent = "a" .. byte } end)
      raises("headers", function()
        trailmark.new { key = "tm_live_x", headers = { ["X" .. byte] = "a" } }
      end)
    end
  end)

  it("cannot be in base_url, proxy or a pin", function()
    for _, byte in ipairs(CONTROLS) do
      for name, value in pairs { base_url = "https://a/", proxy = "http://a:1", pinned_public_key = "a" } do
        raises(name, function() trailmark.new { key = "tm_live_x", [name] = value .. byte } end)
      end
    end
  end)
end)

describe("in params and query pairs every byte", function()
  it("arrives encoded", function()
    sb:reset()
    for byte = 0, 255 do
      local text = "x" .. string.char(byte)
      assert(tm:get("/echo?p={p}", { [text] = text }, { params = { p = text } }))
    end
    for i, entry in ipairs(sb:log()) do
      local text = entry.query:match("^p=(.-)&"):gsub("%%(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
      end)
      assert.equal("x" .. string.char(i - 1), text)
      local name, value = entry.query:match("&(.-)=(.*)$")
      assert.equal(name, value)
      assert.equal(entry.query:match("^p=(.-)&"), name)
    end
    assert.equal(256, #sb:log())
    sb:reset()
  end)
end)

describe("refused with its name:", function()
  after_each(nothing_was_sent)

  local cycle = {}
  cycle.inner = cycle
  local function refused(name, call)
    return function() is_refused(name, call()) end
  end
  local rows = {
    { "an empty path", "path", function() return tm:get("") end },
    { "a path without a slash", 'path.*"workspaces/me".*"/"', function() return tm:get("workspaces/me") end },
    { "a path with a space", "path.*space", function() return tm:get("/a b") end },
    { "a path with a fragment", "path.*#", function() return tm:get("/a#b") end },
    { "a path with a backslash", "path.*backslash", function() return tm:get("/a\\b") end },
    { "a path beyond ASCII", "path", function() return tm:get("/\195\164") end },
    { "a path that climbs", "path.*%.%.", function() return tm:get("/a/../b") end },
    { "a path that climbs in disguise", "path", function() return tm:get("/a/%2e%2E/b") end },
    { "a path with half an escape", "path", function() return tm:get("/a%4") end },
    { "a path that is too long", "path", function() return tm:get("/" .. ("a"):rep(20000)) end },
    { "a param that is missing", 'params "id" is not given.*add it to params.*%%7B',
      function() return tm:get("/{id}", nil, { params = {} }) end },
    { "a param too many", 'params "ix" is not in the path: write it there in braces, or leave it',
      function() return tm:get("/x", nil, { params = { ix = 1 } }) end },
    { "an empty param", 'params "id" is empty, .*: give it a value',
      function() return tm:get("/{id}", nil, { params = { id = "" } }) end },
    { "a param of dots", 'params "id" is "." or "..", which servers resolve.*: give another value',
      function() return tm:get("/{id}", nil, { params = { id = ".." } }) end },
    { "a brace alone", "path", function() return tm:get("/{", nil, { params = {} }) end },
    { "a query of tables", '"a"', function() return tm:get("/a", { a = { {} } }) end },
    { "a query of pairs", '"a"', function() return tm:get("/a", { a = { b = 1 } }) end },
    { "a query with a hole", '"a"', function() return tm:get("/a", { a = { 1, nil, 3 } }) end },
    { "a query's function", '"f"', function() return tm:get("/a", { f = print }) end },
    { "a query's NaN", '"n"', function() return tm:get("/a", { n = 0 / 0 }) end },
    { "a query's infinity", '"n"', function() return tm:get("/a", { n = math.huge }) end },
    { "a query's null", '"n"', function() return tm:get("/a", { n = trailmark.null }) end },
    { "a query that is an array", "query", function() return tm:get("/a", { "x" }) end },
    { "a query without a name", "query", function() return tm:get("/a", { [""] = "x" }) end },
    { "a query that begins twice", "query.*?", function() return tm:get("/a", "?a=1") end },
    { "a query with a space", "query.*space", function() return tm:get("/a", "a=b c") end },
    { "a query that is too long", "query", function() return tm:get("/a", { q = ("x"):rep(20000) }) end },
    { "a body's function", "body: contacts%[2%]%.name", function()
      return tm:post("/a", { contacts = { {}, { name = print } } })
    end },
    { "a body in a circle", "body: inner", function() return tm:post("/a", cycle) end },
    { "a body's NaN", "body: n", function() return tm:post("/a", { n = 0 / 0 }) end },
    { "a body of mixed keys", "body", function() return tm:post("/a", { 1, a = 2 }) end },
    { "a body with a hole", "body", function() return tm:post("/a", { [1] = 1, [3] = 3 }) end },
    { "a body's broken UTF-8", "body: s", function() return tm:post("/a", { s = "\255" }) end },
    { "a content_type that is empty", "content_type",
      function() return tm:post("/a", "x", { content_type = "" }) end },
    { "an idempotency_key with a space", "idempotency_key",
      function() return tm:post("/a", "x", { idempotency_key = "a b", content_type = "text/plain" }) end },
    { "an idempotency_key that is too long", "idempotency_key",
      function() return tm:post("/a", {}, { idempotency_key = ("k"):rep(256) }) end },
    { "a header's name with a colon", "headers",
      function() return tm:get("/a", nil, { headers = { ["X:"] = "v" } }) end },
    { "a header that is too long", "headers",
      function() return tm:get("/a", nil, { headers = { X = ("v"):rep(10000) } }) end },
  }
  for _, row in ipairs(rows) do it(row[1], refused(row[2], row[3])) end

  it("headers that the client sets itself", function()
    for _, name in ipairs {
      "Host", "Authorization", "Content-Length", "transfer-encoding", "CONNECTION", "Expect", "TE",
      "Upgrade", "Proxy-Authorization", "Idempotency-Key", "Content-Type", "User-Agent",
      "Accept-Encoding", "Trailer", "Keep-Alive",
    } do
      raises("headers must not set \"" .. name:gsub("%-", "%%-") .. "\"", function()
        tm:post("/a", "x", { headers = { [name] = "v" }, content_type = "text/plain" })
      end)
    end
    raises('headers sets "x%-a" twice', function()
      tm:get("/a", nil, { headers = { ["X-A"] = "1", ["x-a"] = "2" } })
    end)
  end)

  it("a key in a path is hidden in the error", function()
    local _, err = tm:get("/a b?key=tm_live_4f1c9a2e77b05d38")
    assert.is_nil(tostring(err):find("4f1c9a2e77b05d38", 1, true))
    assert.is_nil(tostring(err.path):find("4f1c9a2e77b05d38", 1, true))
    assert.is_nil(err.message:find("4f1c9a2e77b05d38", 1, true))
  end)
end)
