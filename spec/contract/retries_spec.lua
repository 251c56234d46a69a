-- Which failures are tried again, how often, and what is sent then. Waits are the sandbox client's: 20 ms at most.

local sandbox = require "trailmark.sandbox"
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

--- The Idempotency-Keys that arrived; false where there was none.
local function keys()
  local list = {}
  for i, entry in ipairs(sb:log()) do list[i] = entry.headers["idempotency-key"] or false end
  return list
end

describe("an answer that may be another one next time", function()
  for _, status in ipairs { 408, 429, 500, 502, 503, 504 } do
    it(("%d, is asked for again"):format(status), function()
      sb:script { { status = status, times = 2 } }
      local data, err, response = tm:get("/echo")
      assert.equal("GET", data.method)
      assert.is_nil(err)
      assert.equal(3, response.attempts)
      assert.equal(3, #sb:log())
    end)
  end

  it("is asked for as often as retries says", function()
    for retries = 0, 2 do
      sb:reset()
      sb:script { { status = 503, times = 9 } }
      local _, err = tm:get("/echo", nil, { retries = retries })
      assert.equal(retries + 1, err.attempts)
      assert.equal(retries + 1, #err.history)
      assert.equal(retries + 1, #sb:log())
    end
  end)

  it("is asked for four times by default", function()
    sb:script { { status = 503, times = 9 } }
    assert.equal(4, select(2, tm:get("/echo")).attempts)
  end)

  it("leaves a history", function()
    -- One connection for each attempt: on one that was used before, libcurl itself may send again.
    local server = raw_server.start(function(connection, number)
      connection:request()
      if number == 2 then return connection:reset() end
      connection:answer(number == 1 and 503 or 404, "", "Connection: close\r\n")
    end)
    local _, err = sb:client({ base_url = server.url }):get("/echo")
    server:stop()
    assert.equal("not_found", err.kind)
    assert.equal("unknown", err.outcome) -- the second attempt's; the highest of all wins
    assert.equal(3, #err.history)
    assert.equal(503, err.history[1].status)
    assert.equal("server", err.history[1].kind)
    assert.equal(0, err.history[1].wait)
    assert.is_nil(err.history[2].status)
    assert.equal("network", err.history[2].kind)
    assert.equal(404, err.history[3].status)
    for i = 2, 3 do assert.is_true(err.history[i].wait <= 0.021, "a wait above the cap") end
  end)
end)

describe("an answer that will be the same", function()
  for _, status in ipairs { 301, 400, 401, 403, 404, 405, 409, 410, 422, 501 } do
    it(("%d, is not asked for again"):format(status), function()
      sb:script { { status = status, times = 9 } }
      local _, err = tm:get("/echo")
      assert.equal(1, err.attempts)
      assert.equal(1, #sb:log())
    end)
  end
end)

describe("POST and PATCH", function()
  for _, name in ipairs { "post", "patch" } do
    it(name .. " carry one key over all attempts, another in each call", function()
      sb:script { { status = 503, times = 2 } }
      local _, _, response = tm[name](tm, "/echo", { a = 1 })
      tm[name](tm, "/echo", { a = 1 })
      local sent = keys()
      assert.equal(4, #sent)
      assert.equal(response.idempotency_key, sent[1])
      assert.same({ sent[1], sent[1], sent[1] }, { sent[1], sent[2], sent[3] })
      assert.not_equal(sent[1], sent[4])
    end)

    it(name .. " without a key is sent once", function()
      sb:script { { status = 503, times = 9 } }
      local _, err, response = tm[name](tm, "/echo", {}, { idempotency_key = false })
      assert.same({ false }, keys())
      assert.equal(1, err.attempts)
      assert.is_nil(response.idempotency_key)
    end)

    it(name .. " with the caller's own key carries it", function()
      sb:script { { fault = "reset" } }
      assert(tm[name](tm, "/echo", {}, { idempotency_key = "mine" }))
      assert.same({ "mine", "mine" }, keys())
    end)
  end

  it("send the same body in each attempt", function()
    sb:script { { status = 503 }, { fault = "reset" } }
    assert(tm:post("/echo", { a = 1 }))
    for _, entry in ipairs(sb:log()) do assert.equal('{"a":1}', entry.body) end
    assert.equal(3, #sb:log())
  end)

  it("create one thing where the first answer is lost", function()
    sb:script { { fault = "truncate", match = "POST /contacts" } }
    local contact, err, response = tm:post("/contacts", { name = "Ada" })
    assert.equal("Ada", contact and contact.name, tostring(err))
    assert.equal(2, response.attempts)
    assert.equal(1, sb:contacts())
    assert.equal(1, sb:counts().replayed)
  end)

  it("try 409 again with a key, for its first use may be at work", function()
    sb:script { { status = 409 } }
    local _, _, response = tm:post("/echo", {})
    assert.equal(2, response.attempts)
    sb:script { { status = 409 } }
    local _, err = tm:post("/echo", {}, { idempotency_key = false })
    assert.equal(1, err.attempts)
  end)
end)

describe("GET, PUT and DELETE", function()
  it("need no key", function()
    sb:script { { status = 503, times = 3 } }
    assert(tm:get("/echo"))
    sb:script { { status = 503, times = 3 } }
    assert(tm:put("/echo", {}))
    sb:script { { status = 503, times = 3 } }
    assert(tm:delete("/echo"))
    local sent = keys()
    assert.equal(12, #sent)
    for i = 1, 12 do assert.is_false(sent[i]) end
  end)

  it("of which DELETE says that an earlier attempt may have succeeded", function()
    local contact = assert(tm:post("/contacts", { name = "Ada" }))
    sb:script { { status = 503, acts = true, match = "DELETE *" } }
    local _, err = tm:delete("/contacts/" .. contact.id)
    assert.equal("not_found", err.kind)
    assert.equal(2, err.attempts)
    assert.equal("unknown", err.outcome)
    assert.matches("earlier attempt", err.hint)
  end)
end)

describe("Retry-After", function()
  it("is waited for", function()
    sb:script { { status = 429, headers = { ["Retry-After"] = "1" } } }
    local begun = raw_server.now()
    local data, _, response = tm:get("/echo")
    assert.equal("GET", data.method)
    assert.equal(2, response.attempts)
    assert.is_true(raw_server.now() - begun >= 1)
  end)

  it("that does not fit the deadline fails at once and tells when", function()
    sb:script { { status = 429, headers = { ["Retry-After"] = "60" } } }
    local begun = raw_server.now()
    local _, err = tm:get("/echo", nil, { deadline = 2 })
    assert.is_true(raw_server.now() - begun < 1)
    assert.equal("rate_limited", err.kind)
    assert.equal(1, err.attempts)
    assert.equal(60, err.retry_after)
    assert.is_true(math.abs(err.retry_at - os.time() - 60) <= 2)
  end)
end)

describe("a refused connection", function()
  it("was not sent, so anything is tried again", function()
    local holder, url = raw_server.reserve()
    finally(function() holder:close() end)
    local lonely = assert(sb:client { base_url = url })
    for _, name in ipairs { "get", "post" } do
      local opts = name == "post" and { idempotency_key = false, retries = 2 } or { retries = 2 }
      local _, err, response = lonely[name](lonely, "/x", nil, opts)
      assert.equal("network", err.kind)
      assert.equal("not_sent", err.outcome)
      assert.equal(3, err.attempts)
      assert.is_true(err.retryable)
      assert.is_nil(response)
      assert.matches("check the network and base_url", err.hint)
    end
  end)
end)

describe("the retry budget", function()
  local holder, url_of_nobody
  setup(function() holder, url_of_nobody = raw_server.reserve() end)
  teardown(function() holder:close() end)

  local hosts = 0
  local function new_origin()
    hosts = hosts + 1
    local host = ("127.77.%d.%d"):format(math.floor(hosts / 250), hosts % 250 + 1)
    return (url_of_nobody:gsub("127%.0%.0%.1", host))
  end

  local function client(url) return sb:client { base_url = url, backoff = { base = 1e-6, cap = 1e-6 } } end

  --- With every retry of the origin used up.
  local function drain(one)
    for _ = 1, 2 do assert.equal("network", select(2, one:get("/x", nil, { retries = 20 })).kind) end
    return one
  end

  local function attempts(one) return select(2, one:get("/x", nil, { retries = 3 })).attempts end

  it("stops retries at an origin, whatever client asks there", function()
    local url = new_origin()
    assert.equal(1, attempts(drain(client(url))))
    collectgarbage()
    assert.equal(1, attempts(client(url)))
    assert.equal(4, attempts(client(new_origin())))
  end)

  it("is another origin's own, with hundreds of them in use", function()
    local clients = {}
    for i = 1, 400 do clients[i] = client(new_origin()) end
    drain(clients[100])
    drain(clients[300])
    assert.equal(1, attempts(clients[100]))
    assert.equal(1, attempts(clients[300]))
    assert.equal(4, attempts(clients[1]))
    assert.equal(4, attempts(clients[400]))
    assert.equal(4, attempts(client(new_origin())))
  end)

  it("is another origin's own, with hundreds of them used up", function()
    for _ = 1, 300 do drain(client(new_origin())) end
    assert.equal(4, attempts(client(new_origin())))
  end)
end)
