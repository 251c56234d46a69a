-- Paths, their {names}, queries and absolute URLs, as they arrive on the wire.

local sandbox = require "trailmark.sandbox"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"

local sb, tm
setup(function()
  sb = assert(sandbox.start { limit = 1000000 })
  tm = assert(sb:client())
end)
teardown(function()
  tm:close()
  sb:stop()
end)
before_each(function() sb:reset() end)

local function query(given)
  local echo, err = tm:get("/echo", given, {})
  return assert(echo, tostring(err)).query
end

describe("a query", function()
  local big = math.maxinteger
  local rows = {
    { "strings", { b = "2", a = "1" }, "a=1&b=2" },
    { "names sorted by their bytes", { b = 1, B = 2, a = 3, aa = 4 }, "B=2&a=3&aa=4&b=1" },
    { "booleans", { on = true, off = false }, "off=false&on=true" },
    { "an array", { id = { 3, "x", true } }, "id=3&id=x&id=true" },
    { "an empty array", { id = {}, a = 1 }, "a=1" },
    { "nothing", {}, "" },
    { "an empty value", { q = "" }, "q=" },
    { "what has to be encoded", { ["a b&="] = "c d+/?#%\195\164" }, "a%20b%26%3D=c%20d%2B%2F%3F%23%25%C3%A4" },
    { "what need not be", { q = "-._~aZ9" }, "q=-._~aZ9" },
    { "integral numbers", { n = 1000 }, "n=1000" },
    { "integral floats", { n = 3.0 }, "n=3" },
    { "a million million", { n = 1e12 }, "n=1000000000000" },
    { "a negative number", { n = -7 }, "n=-7" },
    { "fractions", { n = 0.1 }, "n=0.1" },
    { "fractions that need all their digits", { n = 0.1 + 0.2 }, "n=0.30000000000000004" },
    { "1e15", { n = 1e15 }, "n=1000000000000000" },
    { "2^53", { n = 2 ^ 53 }, "n=9007199254740992" },
    { "the largest integer", { n = big or "x" }, big and "n=9223372036854775807" or "n=x" },
    { "an encoded string", "a=1&b=%20&c", "a=1&b=%20&c" },
    { "an empty string", "", "" },
  }
  for _, row in ipairs(rows) do
    it("sends " .. row[1], function() assert.equal(row[3], query(row[2])) end)
  end

  it("may hold the smallest and largest numbers", function()
    for _, number in ipairs { 1e300, -1e-300, 2 ^ 63, 1e21 } do
      assert.equal(number, tonumber(query({ n = number }):match("^n=(.*)$"):gsub("%%2B", "+"), nil))
    end
  end)

  it("joins what the path holds", function()
    assert.equal("a=1&b=2", tm:get("/echo?a=1", { b = 2 }).query)
    assert.equal("a=1&b=2", tm:get("/echo?a=1", "b=2").query)
    assert.equal("b=2", tm:get("/echo?", { b = 2 }).query)
  end)

  it("is left as it was", function()
    local given = { a = { 1, 2 }, b = "x" }
    query(given)
    assert.same({ a = { 1, 2 }, b = "x" }, given)
  end)

  it("does not ask metamethods", function()
    local given = setmetatable({ a = 1 }, { __index = error, __pairs = error, __len = error })
    assert.equal("a=1", query(given))
  end)

  it("is the same where the locale has a decimal comma", function()
    local folder = os.tmpname()
    os.remove(folder)
    finally(function() os.execute("rm -rf " .. folder) end)
    os.execute(("mkdir %s && localedef -i de_DE -f UTF-8 %s/de 2>/dev/null"):format(folder, folder))
    local child = process.lua([[
      local tm = require "trailmark".new { key = "tm_live_x", pace = "off", base_url = os.getenv "URL" }
      if not os.setlocale("de") then print "no locale" os.exit(0) end
      assert(jit or ("%.1f"):format(0.5) == "0,5")
      print(tm:get("/echo", { n = 0.1 + 0.2, m = { 1.5, 1e15, 1e300 } }).query)
      print(tm:post("/echo", { n = 1.5 }).body)
      assert(require "trailmark".decode("[2.5]")[1] == 2.5)
      print(tm:rate().resets_in > 0)
    ]], { LOCPATH = folder, URL = sb.url })
    local said, _, complaint = child:finish()
    if said == "no locale\n" then
      pending("there are no sources of locales here")
      return
    end
    assert.equal("", complaint)
    assert.equal('m=1.5&m=1000000000000000&m=1e%2B300&n=0.30000000000000004\n{"n":1.5}\ntrue\n', said)
  end)
end)

describe("params", function()
  local function target(path, params)
    local echo, err = tm:get(path, nil, { params = params })
    return assert(echo, tostring(err)).target
  end

  it("fill the path's names, encoded", function()
    sb:script { { status = 200, times = 9 } }
    tm:get("/contacts/{id}/notes/{note.id}", nil, { params = { id = "a/b c", ["note.id"] = 7 } })
    tm:get("/contacts/{id}", nil, { params = { id = "..%2f" } })
    tm:get("/contacts/{id}", nil, { params = { id = 12.0 } })
    local paths = {}
    for i, entry in ipairs(sb:log()) do paths[i] = entry.path end
    assert.same({ "/v1/contacts/a%2Fb%20c/notes/7", "/v1/contacts/..%252f", "/v1/contacts/12" }, paths)
  end)

  it("may be given for the query in the path", function()
    assert.equal("/v1/echo?q=a%26b", target("/echo?q={q}", { q = "a&b" }))
  end)

  it("leave braces alone where they are not given", function()
    assert.equal("/v1/echo?q={q}", tm:get("/echo?q={q}").target)
  end)
end)

describe("an absolute URL", function()
  it("of base_url's origin is called", function()
    assert.equal("/v1/echo?a=1", tm:get(sb.url .. "/echo?a=1").target)
    assert.equal("/v1/echo?a=1&b=2", tm:get(sb.url .. "/echo?a=1", { b = 2 }).target)
    local origin = sb.url:match("^http://[^/]+")
    assert.equal("/v1/echo", tm:get(origin:gsub("http", "HTTP") .. "/v1/echo").target)
    assert.equal(3, #sb:log())
  end)

  it("of any other origin is refused before anything is sent", function()
    local other = raw_server.start(function(connection) connection:answer(200, "{}") end)
    local origin = sb.url:match("^http://[^/]+")
    local port = origin:match("%d+$")
    for _, url in ipairs {
      other.url .. "/v1/echo", "https://127.0.0.1:" .. port .. "/v1/echo",
      "http://localhost:" .. port .. "/v1/echo", "http://u@127.0.0.1:" .. port .. "/v1/echo",
      "http://127.0.0.1:" .. port .. "@evil.example.com/", "file:///etc/passwd", "//evil.example.com/x",
      "http://evil.example.com\\@127.0.0.1:" .. port .. "/", "ftp://127.0.0.1:" .. port .. "/",
      "http://127.0.0.1:" .. port .. ".evil.example.com/", "http://", origin .. "0/v1/echo",
    } do
      local data, err, response = tm:get(url)
      -- A path that begins with two slashes stays a path.
      if url:find("^//") then
        assert.equal("not_found", err.kind)
        assert.equal("/v1//evil.example.com/x", sb:log()[1].path)
      else
        assert.is_nil(data, url)
        assert.is_nil(response)
        assert.equal("argument", err.kind)
        assert.equal("not_sent", err.outcome)
      end
    end
    assert.equal(1, #sb:log())
    assert.equal(0, other:connections())
  end)
end)
