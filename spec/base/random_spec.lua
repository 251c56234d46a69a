local random = require("trailmark_testing").random

describe("random bytes", function()
  it("are as many as were asked for", function()
    for _, size in ipairs { 0, 1, 16, 256, 257, 1024 } do
      assert.equal(size, #random.bytes(size))
    end
  end)

  it("never come twice", function()
    local seen = {}
    for _ = 1, 2000 do
      local bytes = random.bytes(16)
      assert.is_nil(seen[bytes])
      seen[bytes] = true
    end
  end)

  -- 64 KiB: each of the 256 bytes is expected 256 times, with a deviation of 16; ten of these are
  -- out of reach for anything that is evenly drawn.
  it("are spread evenly", function()
    local counts = {}
    for _ = 1, 64 do
      for i, byte in ipairs { random.bytes(1024):byte(1, -1) } do
        counts[byte] = (counts[byte] or 0) + 1
        assert.is_true(i <= 1024)
      end
    end
    for byte = 0, 255 do
      assert.is_true(counts[byte] and math.abs(counts[byte] - 256) < 160, byte)
    end
  end)
end)

describe("a random number", function()
  it("is a whole one below 2^32, in each quarter about as often", function()
    local quarters = { 0, 0, 0, 0 }
    for _ = 1, 4000 do
      local number = random.u32()
      assert.is_true(number >= 0 and number < 4294967296 and number % 1 == 0)
      local quarter = math.floor(number / 1073741824) + 1
      quarters[quarter] = quarters[quarter] + 1
    end
    for quarter = 1, 4 do assert.is_true(math.abs(quarters[quarter] - 1000) < 300) end
  end)
end)
