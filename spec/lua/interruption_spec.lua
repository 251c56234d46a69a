local is_interruption = require "trailmark.interruption"

describe("an interruption", function()
  it("is what the interpreter raises for Ctrl-C, with or without a position", function()
    assert.is_true(is_interruption "interrupted!")
    assert.is_true(is_interruption "script.lua:7: interrupted!")
  end)

  it("is no other error", function()
    for _, other in ipairs { "interrupted", "no luck", "", {}, 5, false } do
      assert.is_false(is_interruption(other))
    end
    assert.is_false(is_interruption(nil))
  end)
end)
