local nearest = require "trailmark.nearest"

describe("nearest.distance", function()
  local rows = {
    { "", "", 0 },
    { "", "abc", 3 },
    { "abc", "", 3 },
    { "timeout", "timeout", 0 },
    { "time_out", "timeout", 1 },
    { "timout", "timeout", 1 },
    { "tineout", "timeout", 1 },
    { "GTE", "GET", 1 },
    { "ab", "ba", 1 },
    { "kitten", "sitting", 3 },
    { "retrys", "retries", 2 },
  }
  for _, row in ipairs(rows) do
    it(("counts %d from %q to %q, and back"):format(row[3], row[1], row[2]), function()
      assert.equal(row[3], nearest.distance(row[1], row[2]))
      assert.equal(row[3], nearest.distance(row[2], row[1]))
    end)
  end
end)

describe("nearest.find", function()
  local names = { "timeout", "retries", "key", "key_file", "deadline", "loop", "log" }
  local rows = {
    { "time_out", "timeout" },
    { "TimeOut", "timeout" },
    { "tiemout", "timeout" },
    { "retrys", "retries" },
    { "keyfile", "key_file" },
    { "key-file", "key_file" },
    { "kye", "key" },
    { "lop", "loop" },
    { "lo", "log" },
    { "colour", nil },
    { "", nil },
    { "x", nil },
    { ("timeout"):rep(100), nil },
  }
  for _, row in ipairs(rows) do
    it(("finds %s for %q"):format(tostring(row[2]), row[1]:sub(1, 20)), function()
      assert.equal(row[2], nearest.find(row[1], names))
    end)
  end

  it("takes the first of equally near names", function()
    assert.equal("cat", nearest.find("bat", { "cat", "hat" }))
    assert.equal("hat", nearest.find("bat", { "hat", "cat" }))
  end)
end)
