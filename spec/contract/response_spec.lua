-- The third value of a call: what the server's answer was; and tm:rate().

local sandbox = require "trailmark.sandbox"

local sb, tm
setup(function()
  sb = assert(sandbox.start())
  tm = assert(sb:client())
end)
teardown(function()
  tm:close()
  sb:stop()
end)
before_each(function() sb:reset() end)

local function names(t)
  local list = {}
  for name in pairs(t) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

describe("a response", function()
  it("has these fields and no others", function()
    local _, _, read = tm:get("/workspaces/me")
    assert.equal("attempts elapsed headers method rate request_id status url", names(read))
    local _, _, written = tm:post("/contacts", { name = "Ada" })
    assert.equal("attempts elapsed headers idempotency_key method rate request_id status url", names(written))
  end)

  it("tells the request and how it went", function()
    local contact, _, response = tm:post("/contacts", { name = "Ada" }, { idempotency_key = "import-7" })
    local entry = sb:log()[1]
    assert.equal("Ada", contact.name)
    assert.equal(201, response.status)
    assert.equal("POST", response.method)
    assert.equal(sb.url .. "/contacts", response.url)
    assert.equal(1, response.attempts)
    assert.equal("import-7", response.idempotency_key)
    assert.equal("import-7", entry.headers["idempotency-key"])
    assert.equal(entry.request_id, response.request_id)
    assert.is_true(response.elapsed > 0 and response.elapsed < 5)
  end)

  it("counts the attempts and the time of all of them", function()
    sb:script { { status = 503 }, { delay = 0.1, match = "GET /workspaces/me" } }
    local _, _, response = tm:workspace()
    assert.equal(2, response.attempts)
    assert.is_true(response.elapsed >= 0.1)
  end)

  it("comes with a failure that was answered", function()
    local _, err, response = tm:get("/nope")
    assert.equal(404, response.status)
    assert.equal(err.request_id, response.request_id)
    assert.same(err.headers, response.headers)
  end)
end)

describe("a response's headers", function()
  local function headers(given)
    sb:script { { status = 200, headers = given } }
    local _, _, response = tm:get("/echo")
    return response.headers
  end

  it("have lower-case names", function()
    local got = headers { ["X-Mixed-CASE"] = "Value" }
    assert.equal("Value", got["x-mixed-case"])
    assert.is_nil(got["X-Mixed-CASE"])
    for name in pairs(got) do assert.equal(name:lower(), name) end
  end)

  it("join what is repeated", function()
    assert.equal("a, b, c", headers({ ["X-Many"] = { "a", "b", "c" } })["x-many"])
  end)

  it("keep cookies apart", function()
    local cookies = { "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2" }
    assert.same(cookies, headers({ ["Set-Cookie"] = cookies })["set-cookie"])
    assert.same({ "a=1" }, headers({ ["Set-Cookie"] = "a=1" })["set-cookie"])
    assert.is_nil(headers({})["set-cookie"])
  end)
end)

describe("the rate", function()
  local count = 0
  --- A client with a budget that no other shares.
  local function newcomer()
    count = count + 1
    return assert(sb:client { pace = { scope = "response-spec-" .. count, shared = false } })
  end

  it("is unknown before any answer", function()
    local fresh = newcomer()
    assert.is_nil(fresh:rate())
  end)

  it("is that of the latest answer", function()
    local fresh = newcomer()
    local before = os.time()
    local _, _, first = fresh:workspace()
    assert.equal(600, first.rate.limit)
    assert.equal(599, first.rate.remaining)
    assert.is_true(first.rate.reset >= before + 59 and first.rate.reset <= os.time() + 62)
    assert.is_true(first.rate.resets_in > 58 and first.rate.resets_in <= 62)
    local _, _, second = fresh:workspace()
    assert.equal(598, second.rate.remaining)
    local rate = fresh:rate()
    assert.equal(598, rate.remaining)
    assert.equal(second.rate.reset, rate.reset)
    assert.is_true(rate.resets_in <= second.rate.resets_in)
    assert.equal("limit remaining reset resets_in scope shared waiting", names(rate))
    assert.equal(0, rate.waiting)
  end)

  it("is measured by the server's clock, an hour off as it may be", function()
    sb:set_skew(3600)
    local _, _, response = tm:workspace()
    assert.is_true(response.rate.reset > os.time() + 3600)
    assert.is_true(response.rate.resets_in > 58 and response.rate.resets_in <= 62)
  end)

  it("is absent where the answer does not tell it, and the last one known stays", function()
    local fresh = newcomer()
    assert(fresh:workspace())
    sb:script { { status = 200, headers = {
      ["X-RateLimit-Limit"] = false, ["X-RateLimit-Remaining"] = false, ["X-RateLimit-Reset"] = false,
    } } }
    local _, _, response = fresh:get("/echo")
    assert.is_nil(response.rate)
    assert.equal(598, fresh:rate().remaining) -- the second request is counted all the same
  end)

  it("is absent where the answer tells nonsense", function()
    for _, value in ipairs { "-5", "many", "1e3", "" } do
      sb:script { { status = 200, headers = { ["X-RateLimit-Remaining"] = value } } }
      local _, _, response = tm:get("/echo")
      assert.is_nil(response.rate, value)
    end
  end)
end)
