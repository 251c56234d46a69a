local members = require "trailmark.members"

describe("members", function()
  it("are the keys of a table", function()
    local list = members { a = 1, b = false, [3] = "c" }
    table.sort(list, function(a, b) return tostring(a) < tostring(b) end)
    assert.same({ 3, "a", "b" }, list)
  end)

  it("are none of an empty one", function()
    assert.same({}, members {})
  end)

  it("let the table change while they are walked", function()
    local set = { a = true, b = true, c = true }
    for _, name in ipairs(members(set)) do
      set[name] = nil
      set[name .. name] = true
    end
    assert.same({ aa = true, bb = true, cc = true }, set)
  end)

  it("hold what a weak table holds, as long as they are walked", function()
    local set = setmetatable({ [{}] = true }, { __mode = "k" })
    local list = members(set)
    collectgarbage()
    collectgarbage()
    assert.equal(1, #list)
    assert.is_true(set[list[1]])
  end)
end)
