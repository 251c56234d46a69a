local memory = require("trailmark_testing").memory

describe("memory", function()
  it("keeps what a block held when it is resized", function()
    for _, from in ipairs { 0, 1, 24, 100, 1000, 5000 } do
      for _, to in ipairs { 1, 8, 24, 25, 99, 4096, 100000 } do
        assert.same({ true, true }, { memory.resize(from, to) }, from .. " to " .. to)
      end
    end
  end)

  it("gives nothing when a test refuses it, and what could not be resized stays", function()
    assert.same({ false, false, false, false, false, "kept" }, { memory.starved() })
  end)

  it("gives a block for nothing, and none where a size would wrap around", function()
    assert.same({ true, false, "" }, { memory.edges() })
  end)

  it("is wiped within the bounds that were asked for", function()
    assert.equal("a" .. ("\0"):rep(10) .. "z", memory.wipe("abcdefghijkz"))
    assert.equal("az", memory.wipe "az")
  end)

  -- A sanitizer keeps freed blocks back and poisons them, so there is nothing to look at; and it
  -- ends a process that asks calloc for too much.
  if not memory.has_asan() then
    it("gives no block where a product would wrap around", function()
      assert.is_false(memory.zalloc_too_much())
    end)

    it("leaves nothing in a freed block", function()
      for _, size in ipairs { 32, 100, 500, 1000 } do
        assert.equal(0, memory.left_by_free(size))
      end
    end)

    it("leaves nothing in the block that a larger or much smaller one replaced", function()
      assert.equal(0, memory.left_by_resize(100, 900))
      assert.equal(0, memory.left_by_resize(900, 100))
      assert.equal(0, memory.left_by_resize(1000, 100000))
    end)
  end
end)
