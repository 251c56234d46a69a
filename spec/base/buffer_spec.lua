local buffer = require("trailmark_testing").buffer

local FIRST = 512 -- the smallest storage

local function new(limit, text)
  local made = buffer.new(limit)
  if text then assert.equal("ok", buffer.append(made, text)) end
  return made
end

describe("buffer", function()
  it("begins empty, without storage", function()
    local text, capacity = buffer.read(new(10))
    assert.equal("", text)
    assert.equal(0, capacity)
    assert.is_nil(buffer.take(new(10)))
  end)

  it("keeps any byte, NUL included, and ends what it holds with a NUL", function()
    local made = new(10, "a\0b")
    assert.equal("ok", buffer.append_text(made, "cd"))
    assert.equal("ok", buffer.append_byte(made, 255))
    local text, _, ended = buffer.read(made)
    assert.equal("a\0bcd\255", text)
    assert.is_true(ended)
  end)

  it("takes nothing from an absent value and gets no storage for it", function()
    local made = new(10)
    assert.equal("ok", buffer.append(made, nil))
    assert.equal("ok", buffer.append(made, ""))
    assert.equal(0, (select(2, buffer.read(made))))
  end)

  it("is filled to its limit and not beyond, and a refused append changes nothing", function()
    for limit = 1, FIRST + 10 do
      local made = new(limit, ("x"):rep(limit - 1))
      assert.equal("too_large", buffer.append(made, "yz"))
      assert.equal("ok", buffer.append(made, "y"))
      assert.equal("too_large", buffer.append_byte(made, 122))
      local text, capacity, ended = buffer.read(made)
      assert.equal(("x"):rep(limit - 1) .. "y", text)
      assert.is_true(ended)
      assert.is_true(capacity <= math.max(limit + 1, FIRST))
    end
  end)

  it("takes no byte with a limit of 0 or when it is all zeroes", function()
    assert.equal("too_large", buffer.append(new(0), "x"))
    assert.equal("too_large", buffer.append(new(nil), "x"))
  end)

  it("does not wrap around at the largest size", function()
    assert.equal("too_large", buffer.append_huge(new(-1, "x")))
    assert.equal("too_large", buffer.append_huge(new(10, "x")))
  end)

  it("doubles its storage", function()
    local made, seen = new(100000), {}
    for _ = 1, 8 * FIRST - 1 do
      assert.equal("ok", buffer.append_byte(made, 97))
      seen[select(2, buffer.read(made))] = true
    end
    assert.same({ [FIRST] = true, [2 * FIRST] = true, [4 * FIRST] = true, [8 * FIRST] = true },
      seen)
  end)

  it("grows only when the bytes and their NUL do not fit", function()
    local made = new(10000, ("x"):rep(FIRST - 1))
    assert.equal(FIRST, (select(2, buffer.read(made))))
    assert.equal("ok", buffer.append(made, "y"))
    assert.equal(2 * FIRST, (select(2, buffer.read(made))))
  end)

  it("is as before when there is no memory", function()
    local made = new(10000, ("x"):rep(FIRST - 1))
    assert.equal("no_memory", buffer.append_starved(made, "y"))
    assert.equal(("x"):rep(FIRST - 1), (buffer.read(made)))
    assert.equal("no_memory", buffer.append_starved(new(10), "y"))
    assert.equal("ok", buffer.append(made, "y"))
    assert.equal(("x"):rep(FIRST - 1) .. "y", (buffer.read(made)))
  end)

  it("gives its bytes away once", function()
    local made = new(10, "bytes")
    assert.equal("bytes", buffer.take(made))
    assert.is_nil(buffer.take(made))
    assert.equal("ok", buffer.append(made, "0123456789"))
    assert.equal("too_large", buffer.append(made, "x"))
  end)

  it("keeps small storage over a reset and returns large", function()
    local small, large = new(200000, ("x"):rep(1000)), new(200000, ("x"):rep(70000))
    buffer.reset(small)
    buffer.reset(large)
    local text, capacity, ended = buffer.read(small)
    assert.equal("", text)
    assert.equal(1024, capacity)
    assert.is_true(ended)
    assert.equal(0, (select(2, buffer.read(large))))
    local largest_kept = new(200000, ("x"):rep(65535))
    buffer.reset(largest_kept)
    assert.equal(65536, (select(2, buffer.read(largest_kept))))
    assert.equal("ok", buffer.append(large, "again"))
    assert.equal("again", (buffer.read(large)))
  end)

  it("has no storage after a clear, keeps its limit, and may be cleared again", function()
    local made = new(3, "abc")
    buffer.clear(made)
    buffer.clear(made)
    buffer.reset(made)
    assert.equal(0, (select(2, buffer.read(made))))
    assert.equal("too_large", buffer.append(made, "abcd"))
    assert.equal("ok", buffer.append(made, "abc"))
  end)
end)
