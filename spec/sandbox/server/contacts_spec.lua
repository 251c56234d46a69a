-- The sample collection in memory.

local contacts = require("trailmark.sandbox.server.contacts")

describe("contacts", function()
  local null = {}
  local list
  before_each(function() list = contacts.new() end)

  it("are made with an id and times that a client cannot set", function()
    local made = list:create({ name = "Ada", id = "mine", created_at = "x" }, null, "now")
    assert.same({ id = "ct_000001", name = "Ada", created_at = "now", updated_at = "now" }, made)
    assert.equal(made, list:find("ct_000001"))
  end)

  it("never share an id, also after a deletion", function()
    list:create({ name = "A" }, null, "t")
    list:delete("ct_000001")
    assert.equal("ct_000002", list:create({ name = "B" }, null, "t").id)
    assert.is_nil(list:find("ct_000001"))
  end)

  it("are merged by a partial update, null taking a field away", function()
    list:create({ name = "Ada", email = "a@b", note = "x" }, null, "t1")
    local now = list:update("ct_000001", { email = null, note = "y" }, null, "t2", true)
    assert.same({ id = "ct_000001", name = "Ada", note = "y", created_at = "t1",
      updated_at = "t2" }, now)
  end)

  it("are replaced by a full update", function()
    list:create({ name = "Ada", email = "a@b" }, null, "t1")
    local now = list:update("ct_000001", { name = "Bob" }, null, "t2", false)
    assert.same({ id = "ct_000001", name = "Bob", created_at = "t1", updated_at = "t2" }, now)
  end)

  local rows = { -- fields, partial, whether they are accepted
    { { name = "A" }, false, true }, { { name = "A", email = "a@b" }, false, true },
    { {}, true, true }, { {}, false, false }, { { name = "" }, true, false },
    { { name = 1 }, false, false }, { { name = "A", email = "ab" }, false, false },
    { { name = "A", email = 5 }, false, false }, { { email = null }, true, true },
    { { "A" }, true, false }, { "A", true, false }, { { name = null }, true, false },
  }
  for i, row in ipairs(rows) do
    it(("%s fields as in row %d"):format(row[3] and "accept" or "refuse", i), function()
      local problem = contacts.problem(row[1], null, row[2])
      assert.equal(row[3], problem == nil)
    end)
  end
end)
