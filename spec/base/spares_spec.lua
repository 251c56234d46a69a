local memory = require("trailmark_testing").memory
local spares = require("trailmark_testing").spares

describe("freed blocks kept for their size", function()
  it("are kept but for a sanitizer, which wants to see them come and go", function()
    assert.equal(not memory.has_asan(), spares.keeps())
  end)

  it("have room for what is asked of them", function()
    for from = 0, 700, 7 do
      for _, less in ipairs { -16, -9, -8, -7, -1, 0, 1, 7, 8, 9, 16 } do
        local to = math.max(from - less, 0)
        assert.is_true(spares.fits(from, to), from .. " to " .. to)
      end
    end
    for _, size in ipairs { 4096, 4097, 4599, 4600, 4601, 4608, 4609, 4616, 4624, 5000, 100000 } do
      assert.is_true(spares.fits(size, size), size)
      assert.is_true(spares.fits(size, size + 8), size)
    end
  end)

  if memory.has_asan() then return end

  it("are given out again, zeroed", function()
    for _, size in ipairs { 0, 1, 24, 25, 100, 1032, 4097 } do
      assert.same({ true, true }, { spares.again(size) }, size)
    end
  end)

  it("are not kept where they are large", function()
    assert.same({ false, false }, { spares.again(20000) })
  end)

  it("are half a MiB at most", function()
    local most = spares.most()
    assert.is_true(most > 200000 and most <= 512 * 1024, most)
  end)

  it("belong to one thread", function()
    assert.is_false(spares.elsewhere())
  end)

  it("belong to the worker's thread, too, as long as it lives", function()
    assert.same({ true, false }, { spares.in_worker() })
  end)
end)
