local library = require("trailmark_testing").library

describe("libcurl", function()
  local OLDEST = 0x075700

  it("at hand will do", function()
    assert.equal("", library.fault())
  end)

  it("will do from 7.87.0 on, with TLS and a resolver that does not block", function()
    assert.is_true((library.suits { number = OLDEST, ssl = true, asyncdns = true }))
    assert.is_true((library.suits { number = OLDEST + 1, ssl = true, asyncdns = true }))
  end)

  local rows = { -- what it is, what is said of it
    { { number = OLDEST - 1, ssl = true, asyncdns = true }, "too old: 7%.87%.0" },
    { { number = OLDEST, asyncdns = true }, "without TLS" },
    { { number = OLDEST, ssl = true }, "would block" },
  }
  for _, row in ipairs(rows) do
    it("will not do: " .. row[2], function()
      local suits, why = library.suits(row[1])
      assert.is_false(suits)
      assert.matches("libcurl 7%.x .*" .. row[2], why)
    end)
  end
end)
