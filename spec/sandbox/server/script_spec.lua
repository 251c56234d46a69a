-- Which request takes which scripted step.

local script = require("trailmark.sandbox.server.script")

describe("a step's match", function()
  local rows = { -- match, method, path below /v1, whether it takes it
    { "*", "GET", "/contacts", true },
    { "* *", "GET", "/contacts", true },
    { "POST", "POST", "/contacts", true },
    { "POST", "GET", "/contacts", false },
    { "POST *", "POST", "/x/y", true },
    { "/contacts", "PUT", "/contacts", true },
    { "/contacts", "PUT", "/contacts/1", false },
    { "POST /contacts", "POST", "/contacts", true },
    { "POST /contacts", "GET", "/contacts", false },
    { "POST  /contacts", "POST", "/contacts", true },
    { "POST /contacts", "POST", "/contactsx", false },
    { "POST /v1/contacts", "POST", "/contacts", true },
    { "GET /contacts/*", "GET", "/contacts/1", true },
    { "GET /contacts/*", "GET", "/contacts", false },
    { "* /contacts*", "DELETE", "/contacts/1", true },
    { "GET /a.c", "GET", "/abc", false },
    { "GET /%a", "GET", "/b", false },
  }
  for _, row in ipairs(rows) do
    it(("%q %s %s %s"):format(row[1], row[4] and "takes" or "leaves", row[2], row[3]), function()
      local steps = script.new()
      steps:add({ { match = row[1], times = 1 } })
      assert.equal(row[4], steps:take(row[2], row[3], "/v1" .. row[3]) ~= nil)
    end)
  end
end)

describe("steps", function()
  local function take(steps, method, path)
    local step = steps:take(method, path, "/v1" .. path)
    return step and step.name
  end

  it("are taken in order, each as often as it says", function()
    local steps = script.new()
    steps:add({ { match = "*", times = 2, name = "a" }, { match = "*", times = 1, name = "b" } })
    local names = {}
    for i = 1, 4 do
      names[i] = take(steps, "GET", "/x") or "none"
    end
    assert.same({ "a", "a", "b", "none" }, names)
  end)

  it("wait for the request they are meant for", function()
    local steps = script.new()
    steps:add({ { match = "POST /x", times = 1, name = "post" } })
    steps:add({ { match = "*", times = 1, name = "any" } })
    assert.equal("any", take(steps, "GET", "/x"))
    assert.is_nil(take(steps, "GET", "/x"))
    assert.equal("post", take(steps, "POST", "/x"))
  end)

  it("without an end never end", function()
    local steps = script.new()
    steps:add({ { match = "*", times = -1, name = "a" } })
    for _ = 1, 100 do
      assert.equal("a", take(steps, "GET", "/x"))
    end
  end)
end)
