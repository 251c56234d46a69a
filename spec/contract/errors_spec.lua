-- What each status becomes: kind, hint, outcome, whether repeating may help, and the printed line.

local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"
local raw_server = require "spec.support.raw_server"

local sb, tm
setup(function()
  sb = assert(sandbox.start())
  tm = assert(sb:client { retries = 0, pace = "off" })
end)
teardown(function()
  tm:close()
  sb:stop()
end)
before_each(function() sb:reset() end)

local function fails(step, method)
  step.match = "*"
  sb:script { step }
  local data, err, response = tm:request { method = method or "GET", path = "/contacts", query = { secret = "q" } }
  assert.is_nil(data)
  return err, response
end

describe("a 404", function()
  it("asks for the path of base_url where that has none", function()
    sb:script { { status = 404, times = 2 } }
    local bare = trailmark.new { key = sb.key, base_url = sb.url:match("^%a+://[^/]+"), pace = "off" }
    local _, err = bare:workspace()
    assert.matches("base_url has no path: should it end in /v1?", err.hint, 1, true)
    bare:close()
    _, err = tm:workspace()
    assert.falsy(err.hint:find("base_url", 1, true))
  end)
end)

describe("a status", function()
  -- status, kind, hint, retryable as GET, outcome as GET, as POST
  local rows = {
    { 300, "http", "redirects are not followed", false, "rejected", "rejected" },
    { 301, "http", "redirects are not followed", false, "rejected", "rejected" },
    { 304, "http", "If-None-Match", false, "rejected", "rejected" },
    { 400, "invalid", "err.body", false, "rejected", "rejected" },
    { 401, "unauthorized", "option key", false, "rejected", "rejected" },
    { 403, "forbidden", "scope", false, "rejected", "rejected" },
    { 404, "not_found", "wrong id", false, "rejected", "rejected" },
    { 405, "http", "does not offer this method", false, "rejected", "rejected" },
    { 408, "http", nil, true, "rejected", "unknown" },
    { 409, "conflict", "idempotency key", false, "rejected", "unknown" },
    { 410, "http", nil, false, "rejected", "rejected" },
    { 415, "http", "content_type", false, "rejected", "rejected" },
    { 422, "invalid", "err.body", false, "rejected", "rejected" },
    { 429, "rate_limited", "600 requests a minute", true, "rejected", "rejected" },
    { 500, "server", "status.trailmark.com", true, "rejected", "unknown" },
    { 501, "server", "status.trailmark.com", false, "rejected", "unknown" },
    { 502, "server", "status.trailmark.com", true, "rejected", "unknown" },
    { 503, "server", "status.trailmark.com", true, "rejected", "unknown" },
    { 504, "server", "status.trailmark.com", true, "rejected", "unknown" },
    { 599, "server", "status.trailmark.com", false, "rejected", "unknown" },
  }
  for _, row in ipairs(rows) do
    local status, kind, hint, retryable, read, written = row[1], row[2], row[3], row[4], row[5], row[6]
    it(status .. " is kind " .. kind, function()
      local err, response = fails { status = status }
      assert.equal(kind, err.kind)
      assert.equal(status, err.status)
      assert.equal(read, err.outcome)
      assert.equal(retryable, err.retryable)
      assert.equal(1, err.attempts)
      assert.same({ { status = status, kind = kind, wait = 0, elapsed = err.history[1].elapsed } }, err.history)
      assert.equal("req_", err.request_id:sub(1, 4))
      assert.equal(status, response.status)
      assert.equal(err.request_id, response.request_id)
      assert.equal("600", err.headers["x-ratelimit-limit"])
      assert.is_nil(err.idempotency_key)
      assert.equal("GET", err.method)
      assert.equal("/contacts", err.path)
      if hint then assert.matches(hint, err.hint, 1, true) end
      assert.equal(written, (fails({ status = status }, "POST")).outcome)
    end)
  end

  it("of a POST that may have acted is told with the key that repeats it", function()
    local err = fails({ status = 503 }, "POST")
    assert.matches("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", err.idempotency_key)
    assert.is_true(err.retryable)
    assert.matches('may have acted; repeat with idempotency_key "' .. err.idempotency_key .. '"',
      tostring(err), 1, true)
    assert.equal(err.idempotency_key, sb:log()[1].headers["idempotency-key"])
  end)

  it("of a POST without a key cannot be repeated", function()
    sb:script { { status = 503 } }
    local _, err = tm:post("/contacts", {}, { idempotency_key = false })
    assert.equal("unknown", err.outcome)
    assert.is_false(err.retryable)
    assert.is_nil(err.idempotency_key)
    assert.matches("look before repeating", tostring(err))
  end)
end)

describe("the printed line", function()
  it("says what, how often, how long, when, what to do, and where to ask", function()
    sb:script { { status = 503, times = 3 } }
    local again = assert(sb:client { retries = 2 })
    local _, err = again:post("/contacts", { name = "x" })
    assert.matches("^trailmark: POST /contacts: 503 %(The sandbox's script says so%.%) after 3 attempts in "
      .. '%d+%.%d+ s %(%d%d:%d%d:%d%dZ%); may have acted; repeat with idempotency_key "%x+%-[%x-]+"; '
      .. "if it persists: status%.trailmark%.com %[server, code scripted, request req_%x+%]$", tostring(err))
  end)

  it("joins with strings, either way round", function()
    local err = fails { status = 404 }
    assert.equal("x " .. tostring(err), "x " .. err)
    assert.equal(tostring(err) .. " x", err .. " x")
    assert.equal(tostring(err) .. tostring(err), err .. err)
  end)

  it("has no query string and one line, whatever the server says", function()
    local err = fails { status = 400, body = { error = { code = "a\nb", message = "\27[31mred\r\nline\0" } } }
    local line = tostring(err)
    assert.is_nil(line:find("secret", 1, true))
    assert.is_nil(line:find("%c"))
    assert.matches("\\x1B[31mred\\x0D\\x0Aline\\x00", line, 1, true)
  end)
end)

describe("an error", function()
  it("takes code, message and body from the answer", function()
    local err = fails { status = 422, body = { error = { code = "invalid_field", message = "name is missing" } } }
    assert.equal("invalid_field", err.code)
    assert.equal("name is missing", err.message)
    assert.same({ error = { code = "invalid_field", message = "name is missing" } }, err.body)
  end)

  it("keeps a body that is not JSON as it is", function()
    local err = fails { status = 502, body = "<html>Bad Gateway</html>", headers = { ["Content-Type"] = "text/html" } }
    assert.equal("<html>Bad Gateway</html>", err.body)
    assert.equal("server", err.kind)
  end)

  it("has no body where the answer has none", function()
    assert.is_nil((fails { status = 500, body = "" }).body)
  end)

  it("of a known kind only", function()
    local kinds = "config argument unauthorized forbidden not_found conflict invalid rate_limited server http"
      .. " network tls timeout cancelled closed pending protocol too_large decode"
    assert.equal(kinds, table.concat(trailmark.error_kinds, " "))
    for kind in kinds:gmatch("%S+") do assert.is_string(trailmark.error_kinds[kind]) end
  end)

  it("of the documented API says what the guide says", function()
    local reader = assert(sb:client { key = sb:make_key("read:workspace"), retries = 0 })
    local _, forbidden = reader:post("/contacts", { name = "x" })
    assert.equal("forbidden", forbidden.kind)
    assert.matches("read:write:workspace", forbidden.hint)
    local stranger = assert(sb:client { key = "oauth-stranger-0123456789", retries = 0 })
    local _, unauthorized = stranger:workspace()
    assert.equal("unauthorized", unauthorized.kind)
    assert.matches('option key %(ends in "6789"%)', unauthorized.hint)
    assert.matches('does not begin with "tm_live_"', unauthorized.hint, 1, true)
    assert.is_nil(tostring(unauthorized):find("stranger", 1, true))
    local _, missing = reader:get("/workspaces/ws_other")
    assert.equal("not_found", missing.kind)
  end)

  it("hides a key that the server sends back", function()
    local err = fails { status = 400, headers = { ["X-Your-Key"] = sb.key },
      body = { message = "bad key " .. sb.key .. "!" } }
    assert.equal("*", err.headers["x-your-key"]:sub(1, 1))
    for _, text in ipairs { err.headers["x-your-key"], err.body.message, err.message, tostring(err) } do
      assert.is_nil(text:find(sb.key, 1, true))
    end
  end)
end)

describe("a redirect", function()
  for _, status in ipairs { 301, 302, 303, 307, 308 } do
    it(status .. " is not followed, and the key stays here", function()
      local other = raw_server.start(function(connection) connection:answer(200, "{}") end)
      local err, response = fails({ status = status, headers = { Location = other.url .. "/stolen" } },
        status == 307 and "POST" or "GET")
      assert.equal("http", err.kind)
      assert.equal(status, response.status)
      assert.equal(other.url .. "/stolen", err.headers.location)
      assert.equal(0, other:connections())
      assert.equal(1, #sb:log())
    end)
  end

  it("names the target's origin and nothing more of it", function()
    local err = fails { status = 302, headers = { Location = "https://u:pw@login.example.com/sso?token=abc" } }
    assert.matches("to https://login.example.com:", tostring(err), 1, true)
    assert.is_nil(tostring(err):find("token", 1, true))
    assert.is_nil(tostring(err):find("pw", 1, true))
  end)
end)

describe("retry_after", function()
  local function waits(value, headers)
    headers = headers or {}
    headers["Retry-After"] = value
    return (fails { status = 429, headers = headers })
  end

  it("is told in seconds, with the time of day", function()
    local now = os.time()
    local err = waits("30")
    assert.equal(30, err.retry_after)
    assert.is_true(math.abs(err.retry_at - now - 30) <= 2)
    assert.matches("again at %d%d:%d%d:%d%dZ in 30 s", err.hint)
  end)

  it("is read from a date, through the server's own", function()
    local err = waits("Sun, 06 Nov 1994 08:50:37 GMT", { Date = "Sun, 06 Nov 1994 08:49:37 GMT" })
    assert.equal(60, err.retry_after)
  end)

  it("is absent where it is absent or nonsense", function()
    assert.is_nil((fails { status = 503 }).retry_after)
    for _, value in ipairs { "-1", "soon", "1.5", "5x", "" } do
      local err = waits(value)
      assert.is_nil(err.retry_after, value)
      assert.is_nil(err.retry_at)
    end
  end)
end)
