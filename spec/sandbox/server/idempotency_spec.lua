-- What an idempotency key remembers.

local idempotency = require("trailmark.sandbox.server.idempotency")

describe("an idempotency key", function()
  local store
  before_each(function() store = idempotency.new() end)

  it("is new, then busy, then done with the first answer", function()
    assert.equal("new", (store:begin("k", "r")))
    assert.equal("busy", (store:begin("k", "r")))
    local answer = {}
    store:finish("k", answer)
    local what, first = store:begin("k", "r")
    assert.equal("done", what)
    assert.equal(answer, first)
  end)

  it("is refused for another request, during the first and after it", function()
    store:begin("k", "r")
    assert.equal("other", (store:begin("k", "s")))
    store:finish("k", {})
    assert.equal("other", (store:begin("k", "s")))
  end)

  it("is free again where nothing happened", function()
    store:begin("k", "r")
    store:finish("k", nil)
    assert.equal("new", (store:begin("k", "s")))
  end)

  it("is forgotten after 100,000 others, its place free again", function()
    for i = 1, 100001 do
      store:begin("k" .. i, "r")
      store:finish("k" .. i, {})
    end
    assert.equal("new", (store:begin("k1", "s")))
    assert.equal("done", (store:begin("k2", "r")))
  end)
end)
