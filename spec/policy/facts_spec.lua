local head = require("trailmark_testing").head

local NOW = 1764547200 -- Mon, 01 Dec 2025 00:00:00 GMT
local DATE = "Date: Mon, 01 Dec 2025 00:00:00 GMT"
local RATE = {
  "X-RateLimit-Limit: 600", "x-ratelimit-remaining: 7", "X-RATELIMIT-RESET: 1764547230",
}

local function facts(...)
  local lines = { "HTTP/1.1 200 OK\r\n" }
  for _, given in ipairs { ... } do
    for _, line in ipairs(type(given) == "table" and given or { given }) do
      lines[#lines + 1] = line .. "\r\n"
    end
  end
  lines[#lines + 1] = "\r\n"
  return head.facts(lines, NOW)
end

describe("facts of a head", function()
  it("are none where no field is known", function()
    assert.same({}, facts())
    assert.same({}, facts("Server: x", "X-RateLimit-Used: 3"))
  end)

  it("are the rate limit, dates, waits and ids, whatever the letters of their names", function()
    assert.same({
      rate = { 600, 7, 1764547230 },
      date = NOW,
      retry_after_ms = 5000,
      request_id = "req_8f2",
    }, facts(RATE, DATE, "RETRY-after: 5", "x-REQUEST-id: req_8f2",
      "Content-Type: application/json; charset=utf-8"))
  end)

  it("take the rate limit whole or not at all", function()
    for missing = 1, 3 do
      local lines = {}
      for i, line in ipairs(RATE) do if i ~= missing then lines[#lines + 1] = line end end
      assert.same({}, facts(lines))
    end
  end)

  it("leave a Retry-After date to the server's own clock, and to ours only without one", function()
    local after = "Retry-After: Mon, 01 Dec 2025 00:00:30 GMT"
    assert.equal(30000, facts(after).retry_after_ms)
    assert.equal(20000, facts(after, "Date: Mon, 01 Dec 2025 00:00:10 GMT").retry_after_ms)
    assert.equal(3630000, facts(after, "Date: Sun, 30 Nov 2025 23:00:00 GMT").retry_after_ms)
    assert.equal(0, facts(after, "Date: Mon, 01 Dec 2025 01:00:00 GMT").retry_after_ms)
    assert.equal(30000, facts(after, "Date: yesterday").retry_after_ms)
  end)
end)

describe("a field that may not be trusted", function()
  local rows = {
    { "x-ratelimit-limit", "600", "rate" },
    { "x-ratelimit-remaining", "7", "rate" },
    { "x-ratelimit-reset", "1764547230", "rate" },
    { "retry-after", "5", "retry_after_ms" },
    { "date", "Mon, 01 Dec 2025 00:00:00 GMT", "date" },
    { "x-request-id", "req_8f2", "request_id" },
  }

  -- All of them, but for one name, which is written as the given lines.
  local function all_but(name, ...)
    local lines = {}
    for _, row in ipairs(rows) do
      if row[1] ~= name then lines[#lines + 1] = row[1] .. ": " .. row[2] end
    end
    return facts(lines, ...)
  end

  local function only_missing(fact, seen)
    local whole = all_but()
    assert.is_not_nil(whole[fact])
    whole[fact] = nil
    assert.same(whole, seen)
  end

  for _, row in ipairs(rows) do
    local name, value, fact = row[1], row[2], row[3]
    it(("is absent when it stands twice, three times, or is folded: %s"):format(name), function()
      local line = name .. ": " .. value
      only_missing(fact, all_but(name, line, line))
      only_missing(fact, all_but(name, line, line, line))
      only_missing(fact, all_but(name, line, name:upper() .. ": other"))
      only_missing(fact, all_but(name, line, " "))
      only_missing(fact, all_but(name, name .. ":", "\t" .. value))
    end)
  end

  it("is absent when it breaks its grammar", function()
    for _, value in ipairs { "-1", "+1", "1.5", "1 2", "1, 2", "0x1", "", "x", "1x",
      "99999999999999999999" } do
      for i = 1, 3 do
        only_missing("rate", all_but(rows[i][1], rows[i][1] .. ": " .. value))
      end
      only_missing("retry_after_ms", all_but("retry-after", "Retry-After: " .. value))
    end
    only_missing("date", all_but("date", "Date: 2025-12-01T00:00:00Z"))
    only_missing("request_id", all_but("x-request-id", "X-Request-Id: a b"))
    only_missing("request_id", all_but("x-request-id", "X-Request-Id: " .. ("x"):rep(129)))
  end)
end)

describe("the rate limit of an answer from a cache", function()
  it("is absent, however old it is", function()
    for _, age in ipairs { "1", "60", "4294967296", "99999999999999999999" } do
      assert.is_nil(facts(RATE, "Age: " .. age).rate)
    end
  end)

  it("counts where the answer is fresh or its age cannot be read", function()
    for _, line in ipairs { "Age: 0", "Age: 000", "Age: x", "Age: -1", "Age:", "Age: 1.5" } do
      assert.same({ 600, 7, 1764547230 }, facts(RATE, line).rate)
    end
    assert.is_table(facts(RATE, { "Age: 5", "Age: 5" }).rate)
  end)

  it("says nothing about its other fields", function()
    local seen = facts(RATE, "Age: 9", "Retry-After: 5", "X-Request-Id: r", DATE)
    assert.same({ retry_after_ms = 5000, request_id = "r", date = NOW }, seen)
  end)
end)
