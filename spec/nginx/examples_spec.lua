-- The examples for nginx, as they are, against a sandbox.

local mime = require "mime"
local nginx = require "spec.support.nginx"
local sandbox = require "trailmark.sandbox"
local socket = require "socket"
local tmp = require "spec.support.tmp"

local function file(path)
  local opened = assert(io.open(path))
  local text = opened:read "*a"
  opened:close()
  return text
end

describe("the example of nginx", function()
  local sb, server, key
  setup(function() sb = assert(sandbox.start { contacts = 3 }) end)
  teardown(function() sb:stop() end)
  local lasts = false
  before_each(function()
    if not lasts then sb:reset() end
  end)
  after_each(function()
    if lasts then return end
    server:stop()
    server = nil
  end)

  local function start(name, changes)
    key = sb:make_key "admin:full" -- whose rate limit no spec before has met
    local text = file("spec/examples/nginx/" .. name .. ".conf"):gsub("%S+", changes or {})
    server = nginx.start {
      whole = text, workers = 2,
      env = { TRAILMARK_API_KEY = key, TRAILMARK_BASE_URL = sb.url },
    }
  end

  local function requests() return #sb:log() end

  local QUICK = ' backoff = { base = 0.01, cap = 0.02 },'

  it("of the README tells the workspace", function()
    local readme = file "README.md"
    local text = file "spec/examples/nginx/nginx.conf"
    assert.truthy(readme:find("```nginx\n" .. text .. "```\n", 1, true), "the README has another nginx.conf")
    start "nginx"
    for _ = 1, 4 do assert.equal("Acme Sales", server:says "/workspace") end
    sb:script { { status = 503, match = "GET /workspaces/me" } }
    assert.equal("Acme Sales", server:says "/workspace")
    assert.matches("%[notice%].*trailmark: GET /v1/workspaces/me: 503 server, attempt 2 in", server:log "attempt")
    assert.equal("", server:errors())
  end)

  describe("of an access check", function()
    local passwords
    before_each(function()
      passwords = tmp.file "ct_000001:{PLAIN}one\nct_000002:{PLAIN}two\nct_nobody:{PLAIN}no\n"
      assert(os.execute("chmod 644 " .. passwords))
      start("access", { ["/etc/nginx/contacts;"] = passwords .. ";", ["2,"] = "2," .. QUICK })
    end)
    after_each(function() os.remove(passwords) end)

    local function as(id, password)
      return ("Authorization: Basic %s\r\n"):format((mime.b64(id .. ":" .. password)))
    end
    local ONE, TWO, NOBODY = as("ct_000001", "one"), as("ct_000002", "two"), as("ct_nobody", "no")

    local function status(more) return (server:get("/", more)) end

    it("lets in contacts that have proved who they are, and asks once for all workers", function()
      assert.equal(401, status())
      assert.equal(401, status(as("ct_000001", "two")))
      assert.equal(0, requests())
      for _ = 1, 6 do assert.equal("welcome, ct_000001\n", select(2, server:get("/", ONE))) end
      assert.equal(1, requests())
      for _ = 1, 6 do assert.equal(403, status(NOBODY)) end
      assert.equal(2, requests())
    end)

    it("asks once for many at a time, also when who came first has left", function()
      sb:script { { match = "GET /contacts/ct_000001", delay = 0.2 } }
      local first = server:open("/", ONE)
      nginx.await("the question", function() return requests() == 1 end)
      first:close()
      local open = {}
      for i = 1, 20 do open[i] = server:open("/", ONE) end
      for i = 1, 20 do assert.equal(200, (nginx.read(open[i])), server:errors()) end
      assert.equal(1, requests())
    end)

    it("lets in whom it knew while Trailmark cannot be asked, which it tries every few seconds", function()
      assert.equal(200, status(ONE))
      sb:script { { fault = "reset", times = 100 } }
      for _ = 1, 3 do assert.equal(503, status(TWO)) end
      local before = requests()
      assert.equal(503, status(TWO))
      assert.equal(before, requests())
      assert.equal(200, status(ONE))
      assert.matches("trailmark: GET /contacts/ct_000002", server:errors())
    end)
  end)

  describe("of a proxy", function()
    before_each(function()
      if not server then start("proxy", { ['"info",'] = '"info",' .. QUICK }) end
    end)

    local function last() return sb:log()[#sb:log()] end

    it("adds the key, repeats what may be, and passes on what was answered", function()
      assert.matches('"name":"Acme Sales"', server:says "/v1/workspaces/me")
      sb:script { { status = 503, match = "GET /contacts" } }
      local status, body, head = server:get "/v1/contacts?limit=2"
      assert.equal(200, status)
      assert.equal(2, select(2, body:gsub('"id":', "")))
      assert.matches("X%-RateLimit%-Remaining: %d+\r\n", head)
      status, body = server:post("/v1/contacts", '{"name":"Ada"}', "Idempotency-Key: once\r\n")
      assert.equal(201, status)
      assert.matches('"name":"Ada"', body)
      local again, same = server:post("/v1/contacts", '{"name":"Ada"}', "Idempotency-Key: once\r\n")
      assert.same({ 201, body }, { again, same })
      assert.equal(4, sb:contacts())
      status, body = server:get "/v1/nothing%2Fhere"
      assert.equal(404, status)
      assert.matches("not_found", body)
      sb:script { { status = 404, body = "" }, { status = 429, headers = { ["Retry-After"] = "200" } } }
      status, body = server:get "/v1/nothing"
      assert.same({ 404, "" }, { status, body })
      status, body, head = server:get "/v1/contacts"
      assert.equal(429, status)
      assert.matches("scripted", body)
      assert.matches("Retry%-After: 200\r\n", head)
      assert.equal("", server:errors())
    end)

    it("passes on no half of an answer, and no refusal of its own key", function()
      sb:script { { fault = "truncate", times = 4 } }
      local status, body = server:get "/v1/contacts"
      assert.equal(502, status)
      assert.matches('^{"error":{"code":"', body)
      sb:revoke(key)
      assert.equal(502, (server:get "/v1/contacts"))
      assert.equal("", server:errors())
    end)

    describe("at its door", function()
      setup(function() lasts = true end)
      teardown(function()
        lasts = false
        if server then server:stop() end -- no spec may have been asked for
        server = nil
      end)

      it("takes nothing of a request but what makes the call", function()
        local status = server:post("/v1/echo", "a", "Authorization: Bearer x\r\nCookie: a=b\r\nX-Forwarded-For: c\r\n"
          .. "Content-Type: \r\nIdempotency-Key: \r\nX-HTTP-Method-Override: DELETE\r\nConnection: upgrade\r\n")
        assert.equal(200, status)
        local headers = last().headers
        assert.equal("Bearer " .. key, headers.authorization)
        assert.equal("application/json", headers["content-type"])
        assert.equal(36, #headers["idempotency-key"])
        for _, name in ipairs { "cookie", "x-forwarded-for", "x-http-method-override", "connection" } do
          assert.is_nil(headers[name], name)
        end
      end)

      it("refuses what is no call, before anything is sent", function()
        local before = requests()
        local function status(path, more, method)
          local connection = server:open(path, more, method)
          local line = connection:receive()
          connection:close() -- what nginx refuses it does not close at once
          return tonumber(line:match " (%d+) ")
        end
        for _, path in ipairs {
          "/v1/contacts/../workspaces/me", "/v1/contacts/%2e%2e/billing", "/v1/contacts/..%2fbilling",
          "/v1/contacts%5C..%5Cbilling", "//v1/contacts", "/%761/contacts", "/v1/a/..%2F..%2F..%2Fadmin",
        } do
          assert.equal(400, status(path), path)
        end
        assert.equal(404, status "/nginx.conf")
        for _, method in ipairs { "OPTIONS", "PROPFIND", "get" } do
          assert.is_true(status("/v1/contacts", "", method) >= 400, method)
        end
        assert.equal(400, status("/v1/contacts", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "POST"))
        assert.equal(413, status("/v1/contacts", "Content-Length: 1048577\r\n", "POST"))
        assert.equal(before, requests())
      end)

      it("refuses a body of what carries none, as it refuses all else", function()
        local before = requests()
        local BODIES = {
          "Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        }
        local function refusal(method, body)
          local connection = server:open("/v1/contacts", body, method)
          local status, text, head = nginx.read(connection)
          assert.equal(400, status)
          assert.matches("Content%-Type: application/json\r\n", head)
          return text
        end
        for _, body in ipairs(BODIES) do
          assert.equal('{"error":{"code":"argument","message":"GET carries no body"}}\n', refusal("GET", body))
          refusal("HEAD", body)
        end
        assert.equal(before, requests())
        assert.equal(200, (server:get("/v1/contacts", "Content-Length: 0\r\n")))
        assert.equal("", server:log "traceback")
      end)

      it("loses no body that did not fit into memory", function()
        local before = requests()
        local connection = server:open("/v1/contacts", "Transfer-Encoding: chunked\r\n", "POST")
        local byte = "1\r\n \r\n"
        assert(connection:send(byte:rep(1000000) .. "0\r\n\r\n"))
        assert.equal(413, (nginx.read(connection)))
        assert.equal(before, requests())
      end)

      it("is not for pages in a browser of this machine", function()
        local function status(host, more)
          local connection = assert(socket.connect("127.0.0.1", server.port))
          connection:send(("GET /v1/contacts HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n"):format(host, more))
          return (nginx.read(connection))
        end
        assert.equal(200, status("127.0.0.1:8080", ""))
        assert.equal(403, status("attacker.example", ""))
        assert.equal(403, status("localhost", "Origin: https://attacker.example\r\n"))
        assert.equal(403, status("localhost", "Sec-Fetch-Site: cross-site\r\n"))
      end)
    end)
  end)
end)
