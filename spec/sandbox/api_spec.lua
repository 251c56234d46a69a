-- The API of the guide, and the sandbox's own resources, over the wire.

local sandbox = require("trailmark.sandbox")
local talk = require("spec.sandbox.talk")

describe("the sandbox's API", function()
  local sb

  setup(function() sb = assert(sandbox.start({ https = true })) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  local function ask(...)
    return talk.ask(sb, ...)
  end

  local function fails(answer, status, code)
    assert.equal(status, answer.status)
    assert.equal(code, answer.json.error.code)
    assert.equal("string", type(answer.json.error.message))
    assert.equal(answer.headers["x-request-id"], answer.json.request_id)
  end

  it("describes the key's workspace as the guide does", function()
    local answer = ask("GET", "/workspaces/me")
    assert.equal(200, answer.status)
    assert.equal("application/json", answer.headers["content-type"])
    assert.same({
      id = sb.workspace_id, name = "Acme Sales", plan = "team", members_count = 14,
      created_at = "2025-11-02T18:01:12Z",
    }, answer.json)
    assert.matches('^{"id":.*"name":.*"plan":.*"members_count":14,"created_at":', answer.body)
  end)

  it("finds a workspace by its id, and no other", function()
    local own = ask("GET", "/workspaces/" .. sb.workspace_id)
    assert.equal(ask("GET", "/workspaces/me").body, own.body)
    fails(ask("GET", "/workspaces/ws_other"), 404, "not_found")
  end)

  it("gives a key of another workspace that one", function()
    local key = sb:make_key("read:workspace", "ws_other")
    assert.equal("ws_other", ask("GET", "/workspaces/me", { key = key }).json.id)
    fails(ask("GET", "/workspaces/" .. sb.workspace_id, { key = key }), 404, "not_found")
  end)

  describe("on every answer", function()
    local long = ("x"):rep(70000)
    local rows = {
      { 200, "GET", "/workspaces/me" },
      { 201, "POST", "/contacts", body = '{"name":"A"}' },
      { 204, "DELETE", "/contacts/ct_000001" },
      { 400, "POST", "/contacts", body = "{" },
      { 400, "GET", "/contacts?limit=0" },
      { 401, "GET", "/workspaces/me", key = false },
      { 401, "GET", "/workspaces/me", key = "tm_live_unknown" },
      { 404, "GET", "/workspaces/other" },
      { 404, "GET", "/nothing" },
      { 404, "GET", "/../x" },
      { 405, "DELETE", "/workspaces/me" },
      { 413, "POST", "/contacts", headers = { "Content-Length: 99999999" } },
      { 414, "GET", "/" .. long },
      { 415, "POST", "/contacts", body = "a", headers = { "Content-Type: text/plain" } },
      { 422, "POST", "/contacts", body = "{}" },
      { 400, "GET", "/workspaces/me", headers = { "X-Long: " .. long } },
      { 400, "GET", "/workspaces/me", headers = { "Content-Length: nonsense" } },
      { 400, "lower", "/workspaces/me" },
    }
    for _, row in ipairs(rows) do
      local name = ("%s %s: %d"):format(row[2], row[3]:sub(1, 20), row[1])
      it("there are the rate-limit headers and a request id: " .. name, function()
        sb:seed(1)
        local answer = ask(row[2], row[3], row)
        assert.equal(row[1], answer.status)
        assert.equal("600", answer.headers["x-ratelimit-limit"])
        assert.matches("^[56]%d%d$", answer.headers["x-ratelimit-remaining"])
        assert.matches("^%d+$", answer.headers["x-ratelimit-reset"])
        assert.matches("^req_%x+$", answer.headers["x-request-id"])
        assert.equal(row[1], sb:log()[1].status)
        if row[1] == 204 then
          assert.equal("", answer.body)
        elseif row[1] >= 300 then
          assert.equal(answer.headers["x-request-id"], answer.json.request_id)
        end
      end)
    end
  end)

  it("gives each request an id of its own", function()
    assert.not_equal(ask("GET", "/workspaces/me").headers["x-request-id"],
      ask("GET", "/workspaces/me").headers["x-request-id"])
  end)

  describe("reads Authorization strictly:", function()
    local rows = {
      { "nothing", nil, "missing_key" },
      { "no scheme", "%s", "malformed_key" },
      { "another scheme", "Basic %s", "malformed_key" },
      { "lower case", "bearer %s", "malformed_key" },
      { "two spaces", "Bearer  %s", "malformed_key" },
      { "a word more", "Bearer %s x", "malformed_key" },
      { "no key", "Bearer", "malformed_key" },
      { "an unknown key", "Bearer %sx", "invalid_key" },
    }
    for _, row in ipairs(rows) do
      it(row[1], function()
        local line = row[2] and { "Authorization: " .. row[2]:format(sb.key) }
        local answer = ask("GET", "/workspaces/me", { key = false, headers = line })
        fails(answer, 401, row[3])
        assert.equal("Bearer", answer.headers["www-authenticate"])
      end)
    end
  end)

  describe("scopes:", function()
    local contact = '{"name":"Ada"}'
    local rows = { -- method, path, body, then what each scope gets
      { "GET", "/workspaces/me", nil, 200, 200, 200 },
      { "GET", "/contacts", nil, 200, 200, 200 },
      { "GET", "/contacts/ct_000001", nil, 200, 200, 200 },
      { "POST", "/contacts", contact, 403, 201, 201 },
      { "PUT", "/contacts/ct_000001", contact, 403, 200, 200 },
      { "PATCH", "/contacts/ct_000001", contact, 403, 200, 200 },
      { "DELETE", "/contacts/ct_000001", nil, 403, 204, 204 },
      { "GET", "/billing", nil, 403, 403, 200 },
    }
    local scopes = { "read:workspace", "read:write:workspace", "admin:full" }
    for _, row in ipairs(rows) do
      for i, scope in ipairs(scopes) do
        it(("%s %s with %s: %d"):format(row[1], row[2], scope, row[3 + i]), function()
          sb:seed(1)
          local answer = ask(row[1], row[2], { key = sb:make_key(scope), body = row[3] })
          assert.equal(row[3 + i], answer.status)
          if answer.status == 403 then
            fails(answer, 403, "insufficient_scope")
          end
        end)
      end
    end
  end)

  it("names the methods that exist with a 405", function()
    local answer = ask("POST", "/contacts/ct_000001")
    fails(answer, 405, "method_not_allowed")
    assert.equal("DELETE, GET, PATCH, PUT", answer.headers.allow)
  end)

  it("answers HEAD like GET, without the body", function()
    local answer = ask("HEAD", "/workspaces/me")
    assert.equal(200, answer.status)
    assert.equal("", answer.body)
    assert.is_true(tonumber(answer.headers["content-length"]) > 50)
  end)

  it("echoes a request as it was sent, without a key", function()
    local answer = ask("PURGE", "/echo?a=%41&a=b", {
      key = false, headers = { "X-Odd_Name: 1", "X-Twice: a", "X-Twice: b" }, body = "\0\255",
    })
    assert.equal(200, answer.status)
    local seen = answer.json
    assert.equal("PURGE", seen.method)
    assert.equal("/v1/echo?a=%41&a=b", seen.target)
    assert.equal("/v1/echo", seen.path)
    assert.equal("a=%41&a=b", seen.query)
    assert.equal("1", seen.headers["x-odd_name"])
    assert.equal("a, b", seen.headers["x-twice"])
    assert.equal("\0\255", seen.body)
    assert.equal("HTTP/1.1", seen.protocol)
    assert.matches("^PURGE /v1/echo%?a=%%41&a=b HTTP/1.1\r\n.*\r\nX%-Twice: b\r\n", seen.head)
  end)

  it("serves a constant workspace for benchmarks", function()
    local answer = ask("GET", "/bench/workspace", { key = false })
    assert.equal(200, answer.status)
    assert.equal(ask("GET", "/workspaces/me").body, answer.body)
    assert.is_nil(answer.headers["x-request-id"])
    assert.equal(1, #sb:log())
    assert.matches("^http://127%.0%.0%.1:%d+/bench/workspace$", sb.bench_url)
  end)

  it("has nothing to complain about", function()
    local file = assert(io.open(sb.folder .. "/error.log"))
    local text = file:read("*a")
    file:close()
    assert.is_nil(text:match("[^\n]*lua[^\n]*"))
  end)
end)
