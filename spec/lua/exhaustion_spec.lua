local is_exhaustion = require "trailmark.exhaustion"

describe("want of memory", function()
  it("is told from other errors by Lua's own words", function()
    assert.is_true(is_exhaustion "not enough memory")
    assert.is_true(is_exhaustion "a.lua:7: not enough memory\nstack traceback:")
    assert.is_false(is_exhaustion "interrupted!")
    assert.is_false(is_exhaustion { message = "not enough memory" })
    assert.is_false(is_exhaustion(nil))
  end)
end)
