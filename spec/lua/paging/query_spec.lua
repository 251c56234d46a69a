local query = require "trailmark.paging.query"

describe("query.copy", function()
  it("is not reached by later changes", function()
    local given = { tag = { "a", "b" }, n = 1 }
    local copy = query.copy(given)
    given.tag[1], given.n = "z", 2
    assert.same({ tag = { "a", "b" }, n = 1 }, copy)
    assert.same({}, query.copy(nil))
    assert.equal("a=b", query.copy("a=b"))
  end)
end)

describe("query.get", function()
  local rows = { -- query, name, value
    { { a = "x" }, "a", "x" }, { { a = 7 }, "a", 7 }, { { a = { "x" } }, "a" }, { {}, "a" },
    { "a=x&b=y", "b", "y" }, { "a=x&b", "b", "" }, { "a=x%20y+z", "a", "x y z" }, { "aa=x", "a" }, { "", "a" },
    { "p%5Ba%5D=1", "p[a]", "1" },
  }
  for _, row in ipairs(rows) do
    it(("finds %s in %s"):format(row[2], tostring(row[1])), function()
      assert.equal(row[3], query.get(row[1], row[2]))
    end)
  end
end)

describe("query.set", function()
  it("changes a table", function()
    local given = { a = 1 }
    assert.equal(given, query.set(given, "cursor", "c"))
    assert.same({ a = 1, cursor = "c" }, given)
  end)

  local rows = { -- query, name, value, result
    { "", "a", "x", "a=x" },
    { "b=1", "a", "x", "b=1&a=x" },
    { "a=1&b=2&a=3", "a", "x", "b=2&a=x" },
    { "a&b=2", "a", "x", "b=2&a=x" },
    { "aa=1", "a", "x", "aa=1&a=x" },
    { "p%5ba%5D=1&q=2", "p[a]", 50, "q=2&p%5Ba%5D=50" },
    { "b=1", "cursor", "a+/b==\195\169 &", "b=1&cursor=a%2B%2Fb%3D%3D%C3%A9%20%26" },
  }
  for _, row in ipairs(rows) do
    it(("sets %s in %q"):format(row[2], row[1]), function()
      assert.equal(row[4], query.set(row[1], row[2], row[3]))
      assert.equal(tostring(row[3]), query.get(row[4], row[2]))
    end)
  end
end)
