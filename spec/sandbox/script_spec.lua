-- Scripted answers and faults over the wire.

local sandbox = require("trailmark.sandbox")
local socket = require("socket")
local talk = require("spec.sandbox.talk")

describe("a scripted step", function()
  local sb

  setup(function() sb = assert(sandbox.start()) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  local function ask(...)
    return talk.ask(sb, ...)
  end

  local function post()
    return ask("POST", "/contacts", { body = '{"name":"A"}' })
  end

  it("answers instead of the API, for as many requests as it says", function()
    sb:script({ { status = 503, times = 2 }, { status = 404 } })
    local seen = {}
    for i = 1, 4 do
      seen[i] = ask("GET", "/workspaces/me").status
    end
    assert.same({ 503, 503, 404, 200 }, seen)
    for i, entry in ipairs(sb:log()) do
      assert.equal(seen[i], entry.status)
    end
  end)

  it("waits for the request it matches", function()
    sb:script({ { status = 500, match = "POST /contacts" } })
    assert.equal(200, ask("GET", "/contacts").status)
    assert.equal(500, post().status)
    assert.equal(201, post().status)
  end)

  it("is given after those given before, and gone after a reset", function()
    sb:script({ { status = 500 } })
    sb:script({ { status = 502 } })
    assert.equal(500, ask("GET", "/workspaces/me").status)
    sb:reset()
    assert.equal(200, ask("GET", "/workspaces/me").status)
  end)

  it("can hold for all requests", function()
    sb:script({ { status = 503, times = math.huge, match = "GET *" } })
    for _ = 1, 5 do
      assert.equal(503, ask("GET", "/workspaces/me").status)
    end
    assert.equal(201, post().status)
  end)

  it("gives a JSON error where it has no body, and the body where it has one", function()
    sb:script({
      { status = 500 }, { status = 200, body = { a = { 1, 2 } } }, { status = 418, body = "tea\0" },
      { status = 204 }, { status = 200 }, { status = 200, body = "" },
    })
    local answer = ask("GET", "/x")
    assert.equal("scripted", answer.json.error.code)
    assert.equal(answer.headers["x-request-id"], answer.json.request_id)
    assert.same({ a = { 1, 2 } }, ask("GET", "/x").json)
    assert.equal("tea\0", ask("GET", "/x").body)
    answer = ask("GET", "/x")
    assert.equal("", answer.body)
    assert.is_nil(answer.headers["content-length"])
    assert.equal("{}", ask("GET", "/x").body)
    answer = ask("GET", "/x")
    assert.equal("", answer.body)
    assert.equal("0", answer.headers["content-length"])
  end)

  it("sets headers, several of a name, and takes them away", function()
    sb:script({ {
      headers = {
        ["Retry-After"] = 7, ["Set-Cookie"] = { "a=1", "b=2" }, ["X-RateLimit-Reset"] = "soon",
        ["X-RateLimit-Limit"] = false, ["Content-Type"] = "text/html", ["Date"] = "never",
      },
    } })
    local answer = ask("GET", "/workspaces/me")
    assert.equal(200, answer.status)
    assert.equal(sb.workspace_id, answer.json.id)
    assert.equal("7", answer.headers["retry-after"])
    assert.equal("a=1, b=2", answer.headers["set-cookie"])
    assert.equal("soon", answer.headers["x-ratelimit-reset"])
    assert.is_nil(answer.headers["x-ratelimit-limit"])
    assert.equal("599", answer.headers["x-ratelimit-remaining"])
    assert.equal("text/html", answer.headers["content-type"])
    assert.equal("never", answer.headers.date)
  end)

  it("sets the clock of one answer", function()
    sb:script({ { date_skew = 86400, status = 500 } })
    local function reset_in(answer)
      return tonumber(answer.headers["x-ratelimit-reset"]) - socket.gettime()
    end
    local before = os.time()
    local answer = ask("GET", "/workspaces/me")
    assert.is_true(reset_in(answer) > 86400)
    assert.is_true(talk.is_date(answer.headers.date, before + 86400, socket.gettime() + 86400))
    assert.is_true(reset_in(ask("GET", "/workspaces/me")) < 86400)
  end)

  it("delays the effect and the answer, and is in the log before", function()
    sb:script({ { delay = 1 } })
    local began = socket.gettime()
    local connection = talk.send(sb, "POST", "/contacts", { key = sb.key, body = '{"name":"A"}' })
    assert.is_true(talk.eventually(function() return #sb:log() == 1 end))
    assert.is_nil(sb:log()[1].status)
    assert.equal(0, sb:counts().created)
    assert.equal(201, talk.receive(connection).status)
    assert.is_true(socket.gettime() - began >= 1)
    local entries = sb:log()
    assert.equal(1, #entries)
    assert.equal(201, entries[1].status)
    assert.equal("created", entries[1].effect)
    assert.is_true(entries[1].elapsed >= 0.999)
    assert.equal(1, sb:counts().created)
  end)

  it("that is delayed holds nobody else up", function()
    sb:script({ { delay = 10, match = "GET /echo" } })
    local connection = talk.send(sb, "GET", "/echo")
    assert.is_true(talk.eventually(function() return #sb:log() == 1 end))
    local began = socket.gettime()
    assert.equal(200, ask("GET", "/workspaces/me").status)
    assert.is_true(socket.gettime() - began < 5)
    connection:close()
  end)

  it("acts although the client has gone", function()
    sb:script({ { delay = 0.05 } })
    local connection = talk.send(sb, "POST", "/contacts", { key = sb.key, body = '{"name":"A"}' })
    assert.is_true(talk.eventually(function() return #sb:log() == 1 end))
    connection:close()
    assert.is_true(talk.eventually(function() return sb:counts().created == 1 end))
  end)

  it("with a status does nothing, unless it acts", function()
    sb:script({ { status = 503 }, { status = 503, acts = true } })
    assert.equal(503, post().status)
    assert.equal(0, sb:counts().created)
    assert.equal(503, post().status)
    assert.equal(1, sb:counts().created)
    assert.equal("created", sb:log()[2].effect)
  end)

  it("spends from the rate limit like any request", function()
    sb:script({ { status = 503, times = 2 } })
    ask("GET", "/workspaces/me")
    assert.equal("598", ask("GET", "/workspaces/me").headers["x-ratelimit-remaining"])
  end)

  describe("with a fault", function()
    -- LuaSocket tells a reset from an orderly close by nothing; bash says what the system says.
    local function bash(method, body)
      local pipe = io.popen(([[exec bash -c '
        exec 3<>/dev/tcp/127.0.0.1/%d
        printf "%s /v1/contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" >&3
        printf "Content-Length: %d\r\n\r\n%%s" "$0" >&3
        cat <&3' '%s' 2>&1]]):format(talk.port(sb.url), method, sb.key, #body, body))
      local text = pipe:read("*a")
      pipe:close()
      return text
    end

    it("resets the connection, without an answer, after acting", function()
      sb:script({ { fault = "reset" } })
      assert.matches("^cat: .*Connection reset by peer\n$", bash("POST", '{"name":"A"}'))
      assert.equal(1, sb:counts().created)
      local entry = sb:log()[1]
      assert.equal("reset", entry.fault)
      assert.equal("created", entry.effect)
    end)

    it("resets without acting where a status says so", function()
      sb:script({ { fault = "reset", status = 500 } })
      assert.matches("Connection reset by peer", bash("POST", '{"name":"A"}'))
      assert.equal(0, sb:counts().created)
    end)

    it("cuts the body short and closes", function()
      sb:script({ { fault = "truncate" } })
      local answer = talk.parse(bash("POST", '{"name":"A"}'))
      assert.equal(201, answer.status)
      assert.equal(math.floor(tonumber(answer.headers["content-length"]) / 2), #answer.body)
      assert.equal("truncate", sb:log()[1].fault)
      assert.equal(1, sb:counts().created)
    end)

    it("cuts short an answer that has no body, too", function()
      sb:script({ { fault = "truncate", status = 200, body = "" } })
      local answer = talk.parse(bash("GET", ""))
      assert.is_true(tonumber(answer.headers["content-length"]) > 0)
      assert.equal("", answer.body)
    end)

    it("comes after the delay", function()
      sb:script({ { fault = "reset", delay = 0.1 } })
      local began = socket.gettime()
      assert.matches("Connection reset by peer", bash("GET", ""))
      assert.is_true(socket.gettime() - began >= 0.1)
    end)
  end)
end)
