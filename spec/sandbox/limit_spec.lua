-- The rate limit and keys over the wire and in real time.

local sandbox = require("trailmark.sandbox")
local socket = require("socket")
local talk = require("spec.sandbox.talk")

describe("the sandbox's rate limit", function()
  local sb

  setup(function() sb = assert(sandbox.start({ limit = 3, window = 0.5 })) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  local function ask(opts)
    return talk.ask(sb, "GET", "/workspaces/me", opts)
  end

  it("is told by every answer, and refuses what goes beyond it", function()
    local before = socket.gettime()
    for left = 2, 0, -1 do
      local answer = ask()
      assert.equal(200, answer.status)
      assert.equal("3", answer.headers["x-ratelimit-limit"])
      assert.equal(tostring(left), answer.headers["x-ratelimit-remaining"])
    end
    local refused = ask()
    assert.equal(429, refused.status)
    assert.equal("rate_limited", refused.json.error.code)
    assert.equal("1", refused.headers["retry-after"])
    assert.equal("0", refused.headers["x-ratelimit-remaining"])
    local reset = tonumber(refused.headers["x-ratelimit-reset"])
    assert.is_true(reset >= before + 0.5)
    assert.is_true(reset < socket.gettime() + 0.5 + 1)
    assert.equal(1, sb:counts().limited)
    assert.is_true(sb:log()[4].limited)
  end)

  it("is granted anew when the window is over, as measured from its first request", function()
    local began = socket.gettime()
    for _ = 1, 3 do
      ask()
    end
    local refused, answer = 0, ask()
    while answer.status == 429 do
      refused = refused + 1
      answer = ask()
    end
    assert.equal(200, answer.status)
    local lasted = socket.gettime() - began
    assert.is_true(refused > 0)
    assert.is_true(lasted >= 0.5 and lasted < 0.6, "the window lasted " .. lasted)
    assert.equal("2", answer.headers["x-ratelimit-remaining"])
  end)

  it("is not spent from without a valid key", function()
    for _ = 1, 5 do
      assert.equal("3", ask({ key = "tm_live_unknown" }).headers["x-ratelimit-remaining"])
    end
    assert.equal("2", ask().headers["x-ratelimit-remaining"])
  end)

  it("is shared by a workspace's keys, not by workspaces", function()
    local other = sb:make_key("read:workspace", "ws_other")
    assert.equal("2", ask().headers["x-ratelimit-remaining"])
    local sibling = sb:make_key("read:workspace")
    assert.equal("1", ask({ key = sibling }).headers["x-ratelimit-remaining"])
    assert.equal("2", ask({ key = other }).headers["x-ratelimit-remaining"])
  end)

  it("can be changed, and comes back with a reset", function()
    sb:set_limit(10, 60)
    assert.equal("9", ask().headers["x-ratelimit-remaining"])
    sb:set_limit(5)
    local answer = ask()
    assert.equal("5", answer.headers["x-ratelimit-limit"])
    assert.equal("3", answer.headers["x-ratelimit-remaining"])
    sb:set_limit(0)
    assert.equal("60", ask().headers["retry-after"])
    sb:reset()
    assert.equal("3", ask().headers["x-ratelimit-limit"])
  end)

  it("is told by the server's clock, whatever that is", function()
    sb:set_limit(10, 60)
    sb:set_skew(-3600)
    local answer = ask()
    local true_date = os.date("!%a, %d %b %Y %H", os.time() - 3600)
    assert.equal(true_date, answer.headers.date:match("^(.*):%d%d:%d%d GMT$"))
    local ahead = tonumber(answer.headers["x-ratelimit-reset"]) - socket.gettime()
    assert.is_true(ahead > -3541 and ahead < -3538)
  end)
end)

describe("the sandbox's keys", function()
  local sb

  setup(function() sb = assert(sandbox.start({ limit = 1000000 })) end)
  teardown(function() sb:stop() end)
  before_each(function() sb:reset() end)

  local function status(key)
    return talk.ask(sb, "GET", "/workspaces/me", { key = key }).status
  end

  it("look like Trailmark's and differ", function()
    local key = sb:make_key("read:workspace")
    assert.matches("^tm_live_%x+$", key)
    assert.not_equal(key, sb:make_key("read:workspace"))
    assert.matches("^tm_live_%x+$", sb.key)
  end)

  it("are both good for the overlap of a rotation, counted from the call", function()
    local fresh = sb:rotate(sb.key, 0.3)
    local began = socket.gettime()
    assert.equal(200, status(sb.key))
    assert.equal(200, status(fresh))
    repeat until status(sb.key) == 401
    local lasted = socket.gettime() - began
    assert.is_true(lasted > 0.25 and lasted < 0.4, "the overlap lasted " .. lasted)
    assert.equal(200, status(fresh))
  end)

  it("end their overlap on time although no request was made in it", function()
    local fresh = sb:rotate(sb.key, 0.1)
    socket.sleep(0.12)
    assert.equal(401, status(sb.key))
    assert.equal(200, status(fresh))
  end)

  it("are invalid at once when revoked", function()
    sb:revoke(sb.key)
    local answer = talk.ask(sb, "GET", "/workspaces/me")
    assert.equal(401, answer.status)
    assert.equal("revoked_key", answer.json.error.code)
    sb:reset()
    assert.equal(200, status(sb.key))
  end)

  it("go with a reset, but for the sandbox's own", function()
    local key = sb:make_key("read:workspace")
    assert.equal(200, status(key))
    sb:reset()
    assert.equal(401, status(key))
  end)

  it("have the scope the sandbox was started with", function()
    local other = assert(sandbox.start({ scope = "read:workspace" }))
    finally(function() other:stop() end)
    assert.equal(200, talk.ask(other, "GET", "/contacts").status)
    assert.equal(403, talk.ask(other, "POST", "/contacts", { body = "{}" }).status)
  end)
end)
