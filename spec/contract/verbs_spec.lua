-- The verbs: what leaves for the server, what comes back, and who is told of a caller's mistake.

local sandbox = require "trailmark.sandbox"
local trailmark = require "trailmark"
local raises = require "spec.support.raises"

local sb, tm
setup(function()
  sb = assert(sandbox.start { limit = 1000000 })
  tm = assert(sb:client { user_agent = "crm-sync/2.1", headers = { ["X-Team"] = "crm" } })
end)
teardown(function()
  tm:close()
  sb:stop()
end)
before_each(function() sb:reset() end)

--- The one request that the sandbox has seen.
local function seen()
  local log = sb:log()
  assert.equal(1, #log)
  return log[1]
end

describe("the verbs", function()
  for name, method in pairs { get = "GET", delete = "DELETE", post = "POST", put = "PUT", patch = "PATCH" } do
    it("send " .. method, function()
      local data, err, response = tm[name](tm, "/echo")
      assert.equal(method, data.method)
      assert.equal("/v1/echo", data.target)
      assert.is_nil(err)
      assert.equal(method, response.method)
      assert.equal(sb.url .. "/echo", response.url)
    end)

    it("send " .. method .. " by request", function()
      assert.equal(method, tm:request({ method = method, path = "/echo" }).method)
    end)
  end

  it("send HEAD, whose answer has no body", function()
    local data, err, response = tm:request { method = "HEAD", path = "/workspaces/me" }
    assert.is_true(data)
    assert.is_nil(err)
    assert.equal(200, response.status)
    assert.equal("HEAD", seen().method)
  end)

  it("send GET where request is told no method", function()
    assert.equal("GET", tm:request({ path = "/echo" }).method)
  end)

  it("carry the key, the client's headers and its name", function()
    local headers = tm:get("/echo").headers
    assert.equal("Bearer " .. sb.key, headers.authorization)
    assert.equal("crm", headers["x-team"])
    assert.equal("application/json", headers.accept)
    assert.matches("^crm%-sync/2%.1 trailmark%-lua/%d+%.%d+%.%d+$", headers["user-agent"])
    assert.is_nil(headers["content-type"])
    assert.is_nil(headers["idempotency-key"])
    assert.is_nil(headers.expect)
  end)

  it("carry a call's own headers over the client's", function()
    local opts = { headers = { ["x-team"] = "billing", ["X-Empty"] = "", Accept = "text/plain" } }
    local headers = tm:get("/echo", nil, opts).headers
    assert.equal("billing", headers["x-team"])
    assert.equal("", headers["x-empty"])
    assert.equal("text/plain", headers.accept)
    assert.same({ headers = { ["x-team"] = "billing", ["X-Empty"] = "", Accept = "text/plain" } }, opts)
    assert.equal("crm", tm:get("/echo").headers["x-team"])
  end)
end)

describe("a body", function()
  it("that is a table goes as JSON and stays as it was", function()
    local body = { name = "Ada", tags = trailmark.array {}, age = 36, note = trailmark.null }
    local echo = tm:post("/echo", body)
    assert.equal("application/json", echo.headers["content-type"])
    assert.same(body, trailmark.decode(echo.body))
    assert.same({ name = "Ada", tags = {}, age = 36, note = trailmark.null }, body)
  end)

  it("that is a string goes byte by byte, of the type that is told", function()
    local bytes = "a,b\r\n\0\255"
    tm:put("/echo", bytes, { content_type = "text/csv" })
    assert.equal("text/csv", seen().headers["content-type"])
    assert.equal(#bytes, seen().body_size)
  end)

  it("that is a table may be told to be of another JSON type", function()
    local echo = tm:patch("/echo", { a = 1 }, { content_type = "application/merge-patch+json" })
    assert.equal("application/merge-patch+json", echo.headers["content-type"])
    assert.equal('{"a":1}', echo.body)
  end)

  it("that is absent is no body and has no type", function()
    for _, name in ipairs { "post", "put", "patch" } do
      local echo = tm[name](tm, "/echo")
      assert.equal("0", echo.headers["content-length"])
      assert.is_nil(echo.headers["content-type"])
    end
  end)

  it("of a megabyte arrives whole, without asking first", function()
    local data, err = tm:post("/echo", ("x"):rep(1048576), { content_type = "text/plain" })
    assert.is_nil(err)
    assert.equal(1048576, seen().body_size)
    assert.equal(1048576, #data.body)
    assert.is_nil(data.headers.expect)
  end)

  it("goes with DELETE by request", function()
    local echo = tm:request { method = "DELETE", path = "/echo", body = { hard = true } }
    assert.equal('{"hard":true}', echo.body)
    assert.equal("DELETE", echo.method)
  end)
end)

describe("an answer", function()
  it("without a body is true", function()
    local contact = assert(tm:post("/contacts", { name = "Ada", email = "ada@example.com" }))
    local data, err, response = tm:delete("/contacts/" .. contact.id)
    assert.is_true(data)
    assert.is_nil(err)
    assert.equal(204, response.status)
  end)

  it("that is false or null is what it says", function()
    sb:script { { status = 200, body = "false" }, { status = 200, body = "null" } }
    local data, err = tm:get("/echo")
    assert.is_false(data)
    assert.is_nil(err)
    assert.equal(trailmark.null, tm:get("/echo"))
  end)

  it("gives its bytes with decode = false", function()
    sb:script { { status = 200, body = "\0 no JSON", headers = { ["Content-Type"] = "image/x" } } }
    assert.equal("\0 no JSON", (tm:get("/echo", nil, { decode = false })))
    sb:script { { status = 204 } }
    assert.equal("", (tm:get("/echo", nil, { decode = false })))
    sb:script { { status = 404, body = '{"a":1}' } }
    assert.equal('{"a":1}', select(2, tm:get("/echo", nil, { decode = false })).body)
  end)
end)

describe("workspace", function()
  it("is the key's own", function()
    local workspace, err, response = tm:workspace()
    assert.is_nil(err)
    assert.same({ id = sb.workspace_id, name = "Acme Sales", plan = "team", members_count = 14,
      created_at = "2025-11-02T18:01:12Z" }, workspace)
    assert.equal("14", tostring(workspace.members_count))
    assert.equal("GET", response.method)
  end)
end)

describe("a caller's mistake is told at the caller's own line:", function()
  -- Each function is called as a user would; no tail calls, which have no position.
  local rows = {
    { "a path of another type", "path must be a string, got 5", function() tm:get(5) end },
    { "no path", "tm:post: path must be a string", function() tm:post() end },
    { "a query of another type", "query must be a table or an encoded string",
      function() tm:delete("/echo", 5) end },
    { "a body of another type", "tm:put: body must be", function() tm:put("/echo", true) end },
    { "a string body without a type", "tm:patch: content_type must be given",
      function() tm:patch("/echo", "text") end },
    { "opts of another type", "tm:get: options must be a table",
      function() tm:get("/echo", nil, "timeout") end },
    { "an unknown option", '"timeuot" %(did you mean "timeout"%?%)',
      function() tm:get("/echo", nil, { timeuot = 1 }) end },
    { "an option of the client", '"base_url" %(it is an option of trailmark.new',
      function() tm:get("/echo", nil, { base_url = "http://127.0.0.1" }) end },
    { "opts in place of the query", "did you mean opts",
      function() tm:get("/echo", { timeout = 5 }) end },
    { "opts in place of the body", "did you mean opts",
      function() tm:post("/echo", { idempotency_key = "x" }) end },
    { "request without a table", "tm:request: options must be a table", function() tm:request("/echo") end },
    { "request with its options apart", "tm:request takes one table, and no table beside it",
      function() tm:request({ path = "/echo" }, { timeout = 5 }) end },
    { "request with method and path apart", "tm:request takes one table, and no string beside it",
      function() tm:request("GET", "/echo") end },
    { "request without a path", "path must be given", function() tm:request {} end },
    { "request of an unknown method", "method must be", function() tm:request { method = "GOT", path = "/" } end },
    { "a body with GET", "GET carries no body",
      function() tm:request { method = "GET", path = "/echo", body = {} } end },
    { "a time in milliseconds", "timeout.*milliseconds",
      function() tm:get("/echo", nil, { timeout = 5000 }) end },
    { "sleep for no time", "tm:sleep: the time must be seconds", function() tm:sleep() end },
    { "sleep backwards", "tm:sleep", function() tm:sleep(-1) end },
    { "sleep for too long", "3600", function() tm:sleep(3601) end },
    { "sleep for NaN", "tm:sleep", function() tm:sleep(0 / 0) end },
    { "close with no time", "tm:close: grace", function() tm:close("now") end },
    { "close with a negative time", "tm:close: grace", function() tm:close(-1) end },
    { "a table that is no array", "array", function() trailmark.array("x") end },
  }
  for _, row in ipairs(rows) do
    it(row[1], function()
      raises(row[2], row[3])
      assert.same({}, sb:log())
    end)
  end

  it("trailmark.assert", function()
    local text = raises("^trailmark: GET /nope: 404", function()
      local data = trailmark.assert(tm:get("/nope"))
      return data
    end)
    assert.matches("not_found", text)
    raises("^assertion failed!", function() trailmark.assert(nil) end)
    assert.same({ 1, nil, 3 }, { trailmark.assert(1, nil, 3) })
    assert.is_false((trailmark.assert(false)))
  end)

  it("an empty opts says that names of options are meant", function()
    assert.equal("timeout=5", tm:get("/echo", { timeout = 5 }, {}).query)
    assert.equal('{"params":1}', tm:post("/echo", { params = 1 }, {}).body)
  end)

  it("request takes names of options as parts of a query or body", function()
    assert.equal("timeout=5", tm:request({ path = "/echo", query = { timeout = 5 } }).query)
    assert.equal('{"params":1}', tm:request({ method = "POST", path = "/echo", body = { params = 1 } }).body)
  end)
end)
