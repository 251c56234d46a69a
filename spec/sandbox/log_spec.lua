-- The log and the counts.

local sandbox = require("trailmark.sandbox")
local socket = require("socket")
local talk = require("spec.sandbox.talk")

describe("the sandbox's log", function()
  local sb

  setup(function() sb = assert(sandbox.start({ log_limit = 5 })) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  local function ask(...)
    return talk.ask(sb, ...)
  end

  it("tells all of a request", function()
    local before = socket.gettime()
    local answer = ask("POST", "/contacts?a=%20b&a", {
      body = '{"name":"A\0"}', headers = { "X-Thing: 1", "x-thing: 2", "X-Empty:" },
    })
    local entry = sb:log()[1]
    assert.equal("POST", entry.method)
    assert.equal("/v1/contacts", entry.path)
    assert.equal("a=%20b&a", entry.query)
    assert.equal("1, 2", entry.headers["x-thing"])
    assert.equal("", entry.headers["x-empty"])
    assert.equal("Bearer " .. sb.key, entry.headers.authorization)
    assert.equal('{"name":"A\0"}', entry.body)
    assert.equal(13, entry.body_size)
    assert.equal("400", ("%s"):format(entry.status)) -- a NUL is not JSON; and 400, not 400.0
    assert.equal(answer.headers["x-request-id"], entry.request_id)
    assert.equal("HTTP/1.1", entry.protocol)
    assert.is_true(entry.time > before - 0.01 and entry.time < socket.gettime() + 0.01)
    assert.is_true(entry.elapsed >= 0 and entry.elapsed < 1)
  end)

  it("has the requests in order, refused ones too", function()
    ask("GET", "/workspaces/me")
    ask("GET", "/workspaces/me", { key = false })
    ask("PATCH", "/nothing")
    local seen = {}
    for i, entry in ipairs(sb:log()) do
      seen[i] = ("%s %s %d"):format(entry.method, entry.path, entry.status)
    end
    assert.same({
      "GET /v1/workspaces/me 200", "GET /v1/workspaces/me 401", "PATCH /v1/nothing 404",
    }, seen)
  end)

  it("is a copy, which the caller may change", function()
    ask("GET", "/workspaces/me")
    sb:log()[1].method = "changed"
    assert.equal("GET", sb:log()[1].method)
  end)

  it("grows, and is empty after a reset", function()
    ask("GET", "/workspaces/me")
    assert.equal(1, #sb:log())
    ask("GET", "/workspaces/me")
    assert.equal(2, #sb:log())
    sb:reset()
    assert.equal(0, #sb:log())
    assert.equal(0, sb:counts().requests)
    ask("GET", "/contacts")
    assert.equal("/v1/contacts", sb:log()[1].path)
    assert.equal(1, sb:counts().requests)
  end)

  it("does not show what was at work when it was reset", function()
    sb:script({ { delay = 0.05, match = "POST /contacts" } })
    local connection = talk.send(sb, "POST", "/contacts", { key = sb.key, body = '{"name":"A"}' })
    assert.is_true(talk.eventually(function() return #sb:log() == 1 end))
    sb:reset()
    ask("GET", "/workspaces/me")
    assert.equal(201, talk.receive(connection).status)
    assert.equal(1, #sb:log())
    assert.equal("GET", sb:log()[1].method)
    assert.equal(0, sb:counts().created)
  end)

  it("is bounded, and says how much is missing", function()
    for _ = 1, 8 do
      ask("GET", "/workspaces/me")
    end
    assert.equal(5, #sb:log())
    assert.equal(3, sb:counts().dropped)
    assert.equal(8, sb:counts().requests)
    sb:reset()
    ask("GET", "/workspaces/me")
    assert.equal(1, #sb:log())
    assert.equal(0, sb:counts().dropped)
  end)

  it("holds the first 64 KiB of a body, of which there may be 16 MiB", function()
    local body = ("x"):rep(16 * 1048576)
    assert.equal(#body, #ask("POST", "/echo", { body = body }).json.body)
    local entry = sb:log()[1]
    assert.equal(65536, #entry.body)
    assert.equal(#body, entry.body_size)
  end)

  it("can be turned off and on", function()
    sb:record(false)
    ask("GET", "/workspaces/me")
    sb:record(true)
    ask("GET", "/contacts")
    assert.equal(1, #sb:log())
    assert.equal("/v1/contacts", sb:log()[1].path)
    assert.equal(2, sb:counts().requests)
    assert.equal(0, sb:counts().dropped)
    sb:record(false)
    sb:reset()
    ask("GET", "/contacts")
    assert.equal(1, #sb:log())
  end)

  it("tells requests on one connection from those on two", function()
    local request = "GET /v1/echo HTTP/1.1\r\nHost: x\r\n"
    talk.raw(sb.url, request .. "\r\n" .. request .. "Connection: close\r\n\r\n")
    ask("GET", "/echo")
    local log = sb:log()
    assert.equal(log[1].connection, log[2].connection)
    assert.not_equal(log[1].connection, log[3].connection)
  end)

  it("takes orders of any size", function()
    local body = ("0123456789"):rep(100000)
    sb:script({ { status = 200, body = body }, { status = 404 } })
    assert.equal(body, ask("GET", "/x").body)
    assert.equal(404, ask("GET", "/x").status)
  end)
end)

describe("the sandbox's environment", function()
  it("leads a command to it", function()
    local sb = assert(sandbox.start())
    finally(function() sb:stop() end)
    local pipe = io.popen(sb:env() .. [[sh -c 'echo "$TRAILMARK_API_KEY $TRAILMARK_BASE_URL"']])
    assert.equal(sb.key .. " " .. sb.url, pipe:read("*l"))
    pipe:close()
  end)
end)
