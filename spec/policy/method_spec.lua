local method = require("trailmark_testing").method

describe("method", function()
  local rows = { -- name, safe, idempotent, body
    { "GET", true, true, false },
    { "HEAD", true, true, false },
    { "POST", false, false, true },
    { "PUT", false, true, true },
    { "PATCH", false, false, true },
    { "DELETE", false, true, false },
  }
  for _, row in ipairs(rows) do
    it("knows " .. row[1], function()
      local expected = { name = row[1], safe = row[2], idempotent = row[3], body = row[4] }
      assert.same(expected, method.describe(row[1]))
      assert.same(expected, method.describe(row[1]:lower()))
    end)
  end

  local others = { "", "GE", "GETS", "G\0T", "GET ", "OPTIONS", "TRACE", "CONNECT", "PO ST" }
  for _, name in ipairs(others) do
    it(("does not know %q"):format(name), function() assert.is_nil(method.describe(name)) end)
  end

  it("does not know an absent one", function() assert.is_nil(method.describe(nil)) end)
end)
