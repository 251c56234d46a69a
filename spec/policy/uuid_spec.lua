local uuid = require("trailmark_testing").uuid

local function bytes(...) return string.char(...) end

describe("a UUID", function()
  it("is sixteen bytes in lower-case hex, in groups", function()
    assert.equal("00010203-0405-4607-8809-0a0b0c0d0e0f",
      uuid.format(bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)))
    assert.equal("fedcba98-7654-4210-bfed-cba987654321",
      uuid.format("\254\220\186\152\118\84\50\16\255\237\203\169\135\101\67\33"))
  end)

  it("is of version 4 and the RFC's variant, whatever is drawn", function()
    for byte = 0, 255 do
      local text = uuid.format(string.char(byte):rep(16))
      local hex = ("%02x"):format(byte)
      local version, variant = "4" .. hex:sub(2), ("%02x"):format(byte % 64 + 128)
      assert.equal(("%s-%s-%s-%s-%s"):format(hex:rep(4), hex:rep(2), version .. hex,
        variant .. hex, hex:rep(6)), text)
    end
  end)

  it("keeps every bit it is given but the six that are fixed", function()
    local zero = uuid.format(("\0"):rep(16))
    local kept = 0
    for place = 1, 16 do
      for bit = 0, 7 do
        local given = ("\0"):rep(place - 1) .. string.char(2 ^ bit) .. ("\0"):rep(16 - place)
        if uuid.format(given) ~= zero then kept = kept + 1 end
      end
    end
    assert.equal(122, kept)
  end)
end)
