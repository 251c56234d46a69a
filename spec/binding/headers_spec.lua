--- The header tables of answers that resemble each other: each is the answer's own, whatever the one
--- before it had at the same place.

local faults = require "spec.support.faults"
local trailmark = require "trailmark"

local KEY = "tm_live_0123456789abcdef0123456789abcdef"
local MANY = {}
for i = 1, 40 do MANY[i] = ("X-%d: %d"):format(i, i) end

local function many(changed)
  local lines, expected = {}, {}
  for i, line in ipairs(MANY) do
    lines[i] = i == changed and line .. "!" or line
    expected["x-" .. i] = lines[i]:match(": (.*)")
  end
  return { lines, expected }
end

-- Lines, and the table that they make; each answer is read after the one above it.
local ANSWERS = {
  { { "Server: a", "X-A: 1" }, { server = "a", ["x-a"] = "1" } },
  { { "Server: a", "X-A: 1" }, { server = "a", ["x-a"] = "1" } },
  { { "Server: a", "X-A: 2" }, { server = "a", ["x-a"] = "2" } },
  { { "Server: a", "X-A: 12" }, { server = "a", ["x-a"] = "12" } },
  { { "Server: a", "X-A: 1" }, { server = "a", ["x-a"] = "1" } },
  { { "Server: a", "x-a: 1" }, { server = "a", ["x-a"] = "1" } },
  { { "X-A: 1", "Server: a" }, { server = "a", ["x-a"] = "1" } },
  { { "X-A: 1" }, { ["x-a"] = "1" } },
  { { "X-A: 1", "Server: a", "X-A: 2" }, { server = "a", ["x-a"] = "1, 2" } },
  { { "X-A: 1", "Server: a", "X-A: 2" }, { server = "a", ["x-a"] = "1, 2" } },
  { { "X-A: 1", "Server: a", "X-A: 3" }, { server = "a", ["x-a"] = "1, 3" } },
  { { "X-A: 1", " more", "X-B: 2" }, { ["x-a"] = "1 more", ["x-b"] = "2" } },
  { { "X-A: 1", " most", "X-B: 2" }, { ["x-a"] = "1 most", ["x-b"] = "2" } },
  { { "X-A: 1", "X-B: 2" }, { ["x-a"] = "1", ["x-b"] = "2" } },
  { { "X-A: 1", "X-B: 2", " more" }, { ["x-a"] = "1", ["x-b"] = "2 more" } },
  { { "Set-Cookie: a=1", "X-A: 1", "Set-Cookie: b=2" },
    { ["set-cookie"] = { "a=1", "b=2" }, ["x-a"] = "1" } },
  { { "Set-Cookie: a=1", "X-A: 1", "Set-Cookie: b=2" },
    { ["set-cookie"] = { "a=1", "b=2" }, ["x-a"] = "1" } },
  { { "X-A: " .. KEY }, { ["x-a"] = KEY } },
  { { "X-A: " .. KEY }, { ["x-a"] = KEY } },
  { { "X-A: 1" }, { ["x-a"] = "1" } },
  { { "X-A: " .. ("1"):rep(3000), "X-B: 2" }, { ["x-a"] = ("1"):rep(3000), ["x-b"] = "2" } },
  { { "X-A: " .. ("1"):rep(3000), "X-B: 2" }, { ["x-a"] = ("1"):rep(3000), ["x-b"] = "2" } },
  { { "X-A:" }, { ["x-a"] = "" } },
  { { "X-A:" }, { ["x-a"] = "" } },
  many(), many(), many(3), many(38), many(),
}

local function answer(lines)
  local head = { "HTTP/1.1 200 OK", "Content-Length: 2", table.concat(lines, "\r\n"), "", "{}" }
  return faults.send(table.concat(head, "\r\n"))
end

describe("the headers of answers", function()
  local server, tm

  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)

  before_each(function()
    local plan = {}
    for _, row in ipairs(ANSWERS) do
      plan[#plan + 1] = faults.read
      plan[#plan + 1] = answer(row[1])
    end
    tm = assert(trailmark.new {
      key = KEY, base_url = server:script { plan }, pace = "off", retries = 0,
    })
  end)

  local function headers()
    local _, err, response = tm:get "/x"
    assert.is_nil(err)
    assert.equal("2", response.headers["content-length"])
    response.headers["content-length"] = nil
    return response.headers
  end

  it("are those of each", function()
    for i, row in ipairs(ANSWERS) do
      assert.same(row[2], headers(), "answer " .. i)
    end
  end)

  it("are a table of each one's own", function()
    local first = headers()
    first["x-a"] = "changed"
    assert.same(ANSWERS[2][2], headers())
  end)
end)
