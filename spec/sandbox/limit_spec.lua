-- The rate limit and keys over the wire and in real time.

local sandbox = require("trailmark.sandbox")
local socket = require("socket")
local talk = require("spec.sandbox.talk")

describe("the sandbox's rate limit", function()
  local sb

  setup(function() sb = assert(sandbox.start({ limit = 3 })) end)
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
    local wait = tonumber(refused.headers["retry-after"])
    assert.is_true(wait > 50 and wait <= 60)
    assert.equal("0", refused.headers["x-ratelimit-remaining"])
    local reset = tonumber(refused.headers["x-ratelimit-reset"])
    assert.is_true(reset >= before + 60)
    assert.is_true(reset < socket.gettime() + 60 + 1)
    assert.equal(1, sb:counts().limited)
    assert.is_true(sb:log()[4].limited)
  end)

  it("is granted anew when the window is over, to the instant, from its first request on", function()
    sb:set_limit(3, 1)
    local refused, answer = 0, nil
    for _ = 1, 3 do
      answer = ask()
    end
    assert.equal("0", answer.headers["x-ratelimit-remaining"])
    repeat
      answer = ask()
      assert.equal(answer.status == 429 and "1" or nil, answer.headers["retry-after"])
      refused = refused + (answer.status == 429 and 1 or 0)
    until answer.status == 200
    assert.is_true(refused > 0)
    assert.equal("2", answer.headers["x-ratelimit-remaining"])
    local log = sb:log()
    local ends = log[1].time + 1 -- the log has tenths of milliseconds
    assert.is_true(log[#log - 1].time < ends + 0.001)
    assert.is_true(log[#log].time > ends - 0.001)
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
    sb:set_limit(10, 30)
    assert.equal("9", ask().headers["x-ratelimit-remaining"])
    sb:set_limit(5)
    local answer = ask()
    assert.equal("5", answer.headers["x-ratelimit-limit"])
    assert.equal("3", answer.headers["x-ratelimit-remaining"])
    sb:set_limit(2)
    local wait = tonumber(ask().headers["retry-after"])
    assert.is_true(wait > 20 and wait <= 30)
    sb:reset()
    assert.equal("3", ask().headers["x-ratelimit-limit"])
  end)

  it("is told by the server's clock, whatever that is", function()
    sb:set_limit(10, 60)
    sb:set_skew(-3600)
    local before = os.time() - 1 -- nginx tells the time of its last event
    local answer = ask()
    assert.is_true(talk.is_date(answer.headers.date, before - 3600, socket.gettime() - 3600))
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
    local before = socket.gettime()
    local fresh = sb:rotate(sb.key, 0.5)
    local after = socket.gettime()
    assert.equal(200, status(fresh))
    assert.equal(200, status(sb.key))
    repeat until status(sb.key) == 401
    assert.equal(200, status(fresh))
    local log = sb:log()
    local last_good, first_bad = log[#log - 2], log[#log - 1]
    assert.equal(200, last_good.status)
    assert.is_true(last_good.time < after + 0.5 + 0.001)
    assert.is_true(first_bad.time > before + 0.5 - 0.02) -- stamped in hundredths of a second
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
