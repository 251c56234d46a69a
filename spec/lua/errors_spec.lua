local errors = require "trailmark.errors"

local KEY = "tm_live_canary0123456789"

local function failed(fields)
  local all = { kind = "server", status = 503, method = "POST", path = "/contacts" }
  for name, value in pairs(fields) do all[name] = value end
  return errors.new(all)
end

describe("errors.new", function()
  it("takes over what the contract names, and nothing else", function()
    local fields = {
      kind = "rate_limited", status = 429, request_id = "req_1", body = { error = "slow" },
      headers = { date = "x" }, attempts = 2, elapsed = 1.5, history = { { status = 429 } },
      retry_after = 5, retry_at = 1700000000, idempotency_key = "k", outcome = "rejected",
      retryable = true, next = "c1", method = "GET", path = "/x", time = 1699999995, curl = 7,
      key_source = "key", key_last4 = "a1b2", key_age = 1, key_prefixed = true, limit = "deadline",
      seconds = 90, key = KEY, authorization = "Bearer " .. KEY,
    }
    local err = errors.new(fields)
    assert.equal("Bearer " .. KEY, fields.authorization)
    for _, name in ipairs { "kind", "status", "request_id", "body", "headers", "attempts",
      "elapsed", "history", "retry_after", "retry_at", "idempotency_key", "outcome", "retryable",
      "next", "method", "path", "time" } do
      assert.equal(fields[name], err[name], name)
    end
    assert.equal(7, err.curl_code)
    for _, name in ipairs { "curl", "key_source", "key_last4", "key_age", "key_prefixed", "limit",
      "seconds", "key", "authorization" } do
      assert.is_nil(rawget(err, name), name)
    end
  end)

  it("takes the message of the core, else of the body, else of the kind", function()
    local body = { error = { code = "busy", message = "come back later" } }
    assert.equal("of the core", failed({ message = "of the core", body = body }).message)
    assert.equal("come back later", failed({ body = body }).message)
    assert.equal("busy", failed({ body = body }).code)
    assert.equal("the service failed", failed({}).message)
    assert.is_nil(failed({}).code)
  end)

  it("asks the body only where a server answered", function()
    local err = errors.new { kind = "network", body = { message = "no" } }
    assert.equal("the connection failed", err.message)
  end)

  it("bounds and escapes message and code", function()
    local err = failed { body = { code = ("c"):rep(500), message = "a\nb" .. ("x"):rep(100000) } }
    assert.equal("a\\x0Ab", err.message:sub(1, 6))
    assert.equal(203, #err.message)
    assert.equal(67, #err.code)
  end)

  it("drops the query from the path", function()
    assert.equal("/a", failed({ path = "/a?q=1" }).path)
    assert.equal("/a", failed({ path = "/a#f?x" }).path)
  end)

  it("is not retryable unless told", function()
    assert.is_false(failed({}).retryable)
  end)

  it("survives fields of any type", function()
    for _, value in ipairs { true, 0 / 0, {}, print, "\0\255", math.huge, -1 } do
      for _, name in ipairs { "message", "code", "path", "method", "request_id", "time", "elapsed",
        "attempts", "retry_at", "retry_after", "idempotency_key", "key_source", "key_last4",
        "key_age", "ignored_proxy", "status", "body", "kind", "curl" } do
        local line = tostring(failed { [name] = value })
        assert.equal("trailmark: ", line:sub(1, 11))
        assert.falsy(line:find("[%c\255]"), line)
      end
    end
  end)
end)

describe("the printed line", function()
  local rows = {
    { "the contract's example", { attempts = 4, elapsed = 21.4, time = 1700017927,
      outcome = "unknown", retryable = true, idempotency_key = "5f0c...", request_id = "req_8f2" },
      'trailmark: POST /contacts: 503 after 4 attempts in 21.4 s (03:12:07Z); may have acted;'
        .. ' repeat with idempotency_key "5f0c..."; if it persists: status.trailmark.com'
        .. " [server, request req_8f2]" },
    { "one attempt", { attempts = 1, elapsed = 0.25, outcome = "rejected" },
      "trailmark: POST /contacts: 503 in 0.25 s; if it persists: status.trailmark.com [server]" },
    { "a write without a key", { outcome = "unknown" },
      "trailmark: POST /contacts: 503; may have acted; look before repeating it;"
        .. " if it persists: status.trailmark.com [server]" },
    { "an idempotent write", { method = "DELETE", outcome = "unknown" },
      "trailmark: DELETE /contacts: 503; may have acted; if it persists: status.trailmark.com"
        .. " [server]" },
    { "a read", { method = "GET", outcome = "unknown", idempotency_key = "k" },
      "trailmark: GET /contacts: 503; if it persists: status.trailmark.com [server]" },
    { "an unusable success", { kind = "decode", status = 201, outcome = "done", hint = "look" },
      "trailmark: POST /contacts: 201 (the answer is not JSON);"
        .. " the service has acted, do not repeat it; look [decode]" },
    { "a success whose answer was cut, which the key brings again", { kind = "protocol", status = 201,
      outcome = "done", retryable = true, idempotency_key = "k", hint = "look" },
      "trailmark: POST /contacts: 201 (the answer is malformed or cut short);"
        .. ' the service has acted; repeat with idempotency_key "k" for its answer; look [protocol]' },
    { "the same of an idempotent write", { method = "PUT", kind = "protocol", status = 200,
      outcome = "done", retryable = true, hint = "look" },
      "trailmark: PUT /contacts: 200 (the answer is malformed or cut short); the service has acted; look [protocol]" },
    { "the service's own words", { kind = "invalid", status = 422,
      body = { error = { code = "bad_email", message = "email is taken" } }, hint = "fix it" },
      "trailmark: POST /contacts: 422 (email is taken); fix it [invalid, code bad_email]" },
    { "no answer", { kind = "network", message = "connection refused", curl = 7, hint = "look",
      outcome = "not_sent", status = false },
      "trailmark: POST /contacts: connection refused; look [network, curl 7]" },
    { "no call", { kind = "config", message = "no key", method = false, path = false,
      status = false, hint = "give one" }, "trailmark: no key; give one [config]" },
    { "no hint", { kind = "argument", status = false, attempts = 0, elapsed = 0 },
      "trailmark: POST /contacts: a value cannot be sent in 0.000 s [argument]" },
    { "a query in the path", { path = "/a?token=1", hint = "x" },
      "trailmark: POST /a: 503; x [server]" },
    { "bytes that would act on a terminal", { path = "/a\27[2J", request_id = "r\n",
      message = "m\194\155", code = "c\0", retryable = true, idempotency_key = "k\r", outcome = "unknown",
      hint = "h\7" },
      'trailmark: POST /a\\x1B[2J: 503 (m\\xC2\\x9B); may have acted; repeat with'
        .. ' idempotency_key "k\\x0D"; h\\x07 [server, code c\\x00, request r\\x0A]' },
  }
  for _, row in ipairs(rows) do
    it("tells " .. row[1], function()
      assert.equal(row[3], tostring(failed(row[2])))
    end)
  end

  it("is bounded whatever the server says", function()
    local long = ("\1"):rep(100000)
    local line = tostring(failed { message = long, code = long, path = long, request_id = long,
      idempotency_key = long, outcome = "unknown", hint = long, method = long })
    assert.is_true(#line < 2000)
  end)

  it("never shows a key, wherever it comes from", function()
    for _, name in ipairs { "message", "code", "path", "request_id", "hint", "key_source",
      "ignored_proxy" } do
      for _, kind in ipairs(errors.kinds) do
        local err = failed { kind = kind, [name] = "x Bearer " .. KEY }
        assert.falsy(tostring(err):find("canary", 1, true), name)
        for field, value in pairs(err) do
          assert.falsy(tostring(value):find("canary", 1, true), name .. " in " .. field)
        end
      end
    end
    local err = failed { kind = "unauthorized", status = 401, body = { error = "bad " .. KEY } }
    assert.falsy((tostring(err) .. err.message .. err.hint):find("canary", 1, true))
  end)

  it("shows four characters of the key at most", function()
    local err = failed { kind = "unauthorized", status = 401, key_last4 = "6789" }
    assert.truthy(tostring(err):find('ends in "6789"', 1, true))
    err = failed { kind = "unauthorized", status = 401, key_last4 = "56789" }
    assert.falsy(tostring(err):find("56789", 1, true))
  end)
end)

describe("an error object", function()
  local err = errors.new { kind = "closed", hint = "h" }
  local line = "trailmark: the client is closed; h [closed]"

  it("joins with strings, numbers and errors on either side", function()
    assert.equal("x " .. line, "x " .. err)
    assert.equal(line .. " x", err .. " x")
    assert.equal(line .. "7", err .. 7)
    assert.equal("7" .. line, 7 .. err)
    assert.equal(line .. line, err .. err)
    assert.equal("a" .. line .. "b", "a" .. err .. "b")
  end)

  it("refuses to be joined with anything else, as Lua does, at the caller's position", function()
    for _, value in ipairs { {}, true, print } do
      local fine, message = pcall(function() return err .. value end)
      assert.is_false(fine)
      assert.truthy(message:find("errors_spec.lua:%d+: attempt to concatenate a "
        .. type(value) .. " value"), message)
      assert.is_false((pcall(function() return value .. err end)))
    end
    assert.is_false((pcall(function() return err .. nil end)))
  end)

  it("has a name for debuggers", function()
    assert.equal("trailmark.Error", getmetatable(err).__name)
  end)

  it("is told apart from everything else", function()
    assert.is_true(errors.is(err))
    for _, value in ipairs { {}, "x", 1, true, print, setmetatable({}, {}) } do
      assert.is_false(errors.is(value))
    end
    assert.is_false(errors.is(nil))
  end)
end)

describe("errors.kinds", function()
  it("lists the names and tells each one's meaning", function()
    assert.equal(19, #errors.kinds)
    local seen = 0
    for name, meaning in pairs(errors.kinds) do
      if type(name) == "string" then
        seen = seen + 1
        assert.is_true(#meaning > 0)
      else
        assert.is_string(errors.kinds[meaning])
      end
    end
    assert.equal(19, seen)
  end)
end)

describe("errors.assert", function()
  it("returns its arguments where there is data", function()
    local response = {}
    local function count(...) return select("#", ...), ... end
    local n, data, err, third, fourth = count(errors.assert("d", nil, response, nil))
    assert.same({ 4, "d", nil, response, nil }, { n, data, err, third, fourth })
    assert.is_true((errors.assert(true)))
    assert.is_false((errors.assert(false)))
    assert.equal(0, (errors.assert(0)))
  end)

  it("raises the printed line as a string with the caller's position", function()
    local fine, message = pcall(function()
      errors.assert(nil, errors.new { kind = "closed", hint = "h" })
    end)
    assert.is_false(fine)
    assert.is_string(message)
    assert.truthy(message:find("^.*errors_spec%.lua:%d+: trailmark: the client is closed; h "
      .. "%[closed%]$"), message)
  end)

  it("raises any other error as a string too", function()
    local rows = {
      { nil, "plain", "plain$" }, { false, "plain", "plain$" }, { nil, 42, "42$" },
      { nil, {}, "table: " }, { nil, nil, "assertion failed!$" },
    }
    for _, row in ipairs(rows) do
      local fine, message = pcall(function() errors.assert(row[1], row[2]) end)
      assert.is_false(fine)
      assert.truthy(message:find("errors_spec%.lua:%d+: " .. row[3]), message)
    end
  end)
end)

describe("errors.from_body", function()
  local null = io.stdout -- a userdata, as JSON's null is one
  local rows = {
    { "an error with code and message", { error = { code = "c", message = "m" } }, "c", "m" },
    { "an error with type", { error = { type = "t", message = "m" } }, "t", "m" },
    { "a sentence", { error = "it went wrong" }, nil, "it went wrong" },
    { "a word", { error = "not_found" }, "not_found", "not_found" },
    { "OAuth", { error = "invalid_token", error_description = "expired" }, "invalid_token",
      "expired" },
    { "a flat body", { code = "c", message = "m" }, "c", "m" },
    { "a number for a code", { code = 1042, message = "m" }, "1042", "m" },
    { "a code beside an error", { code = "c", error = "m" }, "c", "m" },
    { "problem details", { title = "Bad", detail = "it is bad", status = 400 }, nil, "it is bad" },
    { "a list of strings", { errors = { "first", "second" } }, nil, "first" },
    { "a list of tables", { errors = { { code = "c", message = "m", field = "email" } } }, "c",
      "email: m" },
    { "fields", { errors = { name = { "is long" }, email = { "is taken", "is odd" } } }, nil,
      "email: is taken" },
    { "fields with strings", { errors = { email = "is taken" } }, nil, "email: is taken" },
    { "fields with tables", { errors = { email = { message = "m" } } }, nil, "email: m" },
    { "a message before a list", { message = "m", errors = { "first" } }, nil, "m" },
    { "true for an error", { error = true, message = "m" }, nil, "m" },
    { "nulls", { error = null, code = null, message = null, errors = null }, nil, nil },
    { "nulls inside", { error = { code = null, message = null } }, nil, nil },
    { "an empty list", { errors = {} }, nil, nil },
    { "a list of lists", { errors = { { { {} } } } }, nil, nil },
    { "a list of nulls", { errors = { null } }, nil, nil },
    { "empty text", { error = "", message = "  ", code = "" }, nil, nil },
    { "not a number", { code = 0 / 0 }, nil, nil },
    { "an array", { "a", "b" }, nil, nil },
    { "nothing", {}, nil, nil },
    { "bytes", "<html>", nil, nil },
    { "a number", 7, nil, nil },
    { "null", null, nil, nil },
    { "no body", nil, nil, nil },
  }
  for _, row in ipairs(rows) do
    it("reads " .. row[1], function()
      local code, message = errors.from_body(row[2])
      assert.same({ row[3], row[4] }, { code, message })
    end)
  end

  it("runs no metamethod of a body", function()
    local trap = setmetatable({}, { __index = function() error("ran") end })
    assert.same({}, { errors.from_body(trap) })
    assert.same({}, { errors.from_body({ error = trap, errors = trap }) })
    assert.same({}, { errors.from_body({ errors = { trap } }) })
  end)
end)
