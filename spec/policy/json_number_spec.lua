local json_number = require("trailmark_testing").json_number

describe("json_number.is_big", function()
  local rows = { -- number, big
    { "0", false },
    { "-1", false },
    { "9007199254740991", false },
    { "9007199254740992", false },
    { "-9007199254740992", false },
    { "9007199254740993", true },
    { "-9007199254740993", true },
    { "9999999999999999", true },
    { "10000000000000000", true },
    { ("1"):rep(400), true },
    { "9007199254740993.0", false },
    { "9007199254740993e0", false },
    { "-1.00000000000000000", false },
  }
  for _, row in ipairs(rows) do
    it(("of %.24s: %s"):format(row[1], tostring(row[2])), function()
      assert.equal(row[2], json_number.is_big(row[1]))
    end)
  end
end)

describe("json_number.integer", function()
  local fits = { "0", "1", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808",
    "-9223372036854775807", "1000000000000000000" }
  for _, number in ipairs(fits) do
    it("holds " .. number, function() assert.equal(number, json_number.integer(number)) end)
  end
  local passes = { "9223372036854775808", "-9223372036854775809", "18446744073709551616",
    "10000000000000000000", "-99999999999999999999", ("9"):rep(400) }
  for _, number in ipairs(passes) do
    it(("does not hold %.24s"):format(number), function()
      assert.is_nil(json_number.integer(number))
    end)
  end
end)

-- The number that a text says, read as every Lua reads it.
local function read(text) return tonumber(text) end

local function random_double()
  local kind = math.random(4)
  if kind == 1 then return math.random() end
  if kind == 2 then return (math.random() - 0.5) * 10 ^ math.random(-300, 300) end
  if kind == 3 then return math.random(1, 2 ^ 30) / 10 ^ math.random(0, 9) end
  return math.random(1, 2 ^ 30) * 2.0 ^ math.random(-40, 40)
end

describe("json_number.print", function()
  local rows = { -- number, text
    { 0.0, "0" },
    { 14.0, "14" },
    { -1.0, "-1" },
    { 0.1, "0.1" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { 1 / 3, "0.3333333333333333" },
    { 2 / 3, "0.6666666666666666" },
    { 123456.789, "123456.789" },
    { 1e15, "1000000000000000" },
    { 9007199254740992.0, "9007199254740992" },
    { -9007199254740992.0, "-9007199254740992" },
    { 9007199254740994.0, "9007199254740994.0" },
    { -19722802678119776.0, "-19722802678119776.0" },
    { 1e16, "1e+16" },
    { 2.0 ^ 63, "9.223372036854776e+18" },
    { 1e300, "1e+300" },
    { 5e-324, "4.94065645841247e-324" },
    { 1.7976931348623157e308, "1.7976931348623157e+308" },
  }
  for _, row in ipairs(rows) do
    it("gives " .. row[2], function() assert.equal(row[2], json_number.print(row[1])) end)
  end

  it("reads back as the same number", function()
    math.randomseed(8259)
    for _ = 1, 20000 do
      local number = random_double()
      assert.equal(number, read(json_number.print(number)))
    end
  end)

  it("has a point where the locale has a comma", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    finally(function() os.execute("rm -rf " .. folder) end)
    local source = assert(io.open(folder .. "/source", "w"))
    source:write('LC_NUMERIC\ndecimal_point ","\nthousands_sep "."\ngrouping 3\n',
      "END LC_NUMERIC\n")
    source:close()
    os.execute(("localedef -c -i %s/source %s/comma >%s/log 2>&1"):format(folder, folder, folder))
    assert.equal("0.30000000000000004", json_number.print_in(folder, "comma", 0.1 + 0.2))
    assert.equal("1e+300", json_number.print_in(folder, "comma", 1e300))
  end)
end)

describe("json_number.is_short", function()
  local rows = { -- number, digits, short
    { 0.0, 14, true },
    { -1.0, 14, true },
    { 0.1, 14, true },
    { 1.1, 14, true },
    { 52.520008, 14, true },
    { -9999.99999999, 14, true },
    { 99999999999998.0, 14, true },
    { 1e14, 14, false },
    { 1e14, 15, true },
    { 0.1 + 0.2, 15, false },
    { 1 / 3, 15, false },
    { 1e300, 15, false },
    { -1e300, 15, false },
    { 1e-300, 15, false },
    { 1716900000.123, 14, true },
    { 1716900000.12345, 14, false },
    { 1716900000.12345, 15, true },
    { 0.0 / 0.0, 15, false },
    { 1.0 / 0.0, 15, false },
  }
  for _, row in ipairs(rows) do
    it(("of %.17g in %d digits: %s"):format(row[1], row[2], tostring(row[3])), function()
      assert.equal(row[3], json_number.is_short(row[1], row[2]))
    end)
  end

  it("is never true of a number that so many digits change", function()
    math.randomseed(8259)
    local short = 0
    for _ = 1, 20000 do
      local number = random_double()
      for _, digits in ipairs { 14, 15 } do
        if json_number.is_short(number, digits) then
          short = short + 1
          assert.equal(number, read(("%%.%dg"):format(digits):format(number)))
        end
      end
    end
    assert.is_true(short > 1000)
  end)
end)
