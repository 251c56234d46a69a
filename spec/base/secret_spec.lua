local secret = require("trailmark_testing").secret

-- What the kernel says of the mapping that holds an address: its flags, and where it begins.
local function mapping(address)
  local file = assert(io.open "/proc/self/smaps")
  local found
  for line in file:lines() do
    local from, to = line:match "^(%x+)%-(%x+) "
    if from then
      from, to = tonumber(from, 16), tonumber(to, 16)
      found = from <= address and address < to
    elseif found and line:find "^VmFlags:" then
      file:close()
      return " " .. line:match "^VmFlags:%s*(.-)%s*$" .. " "
    end
  end
  file:close()
end

local function address_of(made) return tonumber((select(3, secret.read(made))), 16) end

describe("a secret", function()
  it("begins as zeroes, holds what is written, and ends with a NUL", function()
    local bytes, ended = secret.read(assert(secret.create(5)))
    assert.equal(("\0"):rep(5), bytes)
    assert.is_true(ended)
    bytes, ended = secret.read(assert(secret.create(5, "a\0b\255c")))
    assert.equal("a\0b\255c", bytes)
    assert.is_true(ended)
    assert.equal("", (secret.read(assert(secret.create(0)))))
  end)

  it("may be as large as 16384 bytes and no larger", function()
    for _, size in ipairs { 4000, 4096, 8192, 16383, 16384 } do
      local bytes, ended = secret.read(assert(secret.create(size, ("k"):rep(size))))
      assert.equal(("k"):rep(size), bytes)
      assert.is_true(ended)
    end
    local made, status = secret.create(16385)
    assert.is_nil(made)
    assert.equal("too_large", status)
  end)

  it("is not there when there is no memory", function()
    assert.same({ "no_memory", false }, { secret.create_starved() })
  end)

  it("lies in pages that no core dump holds", function()
    for _, size in ipairs { 1, 5000, 16384 } do
      local made = assert(secret.create(size))
      local flags = mapping(address_of(made))
      assert.is_truthy(flags and flags:find(" dd ", 1, true), flags)
      secret.release(made)
    end
  end)

  it("stays as long as somebody holds it, and then gives its pages back", function()
    local first = assert(secret.create(6, "canary"))
    local address = address_of(first)
    local second = secret.retain(first)
    secret.release(first)
    assert.equal("canary", (secret.read(second)))
    assert.equal(address, address_of(second))
    assert.is_truthy(mapping(address):find(" dd ", 1, true))
    secret.release(second)
    local flags = mapping(address)
    assert.is_true(flags == nil or not flags:find(" dd ", 1, true), flags)
  end)

  it("does not share its pages with another", function()
    local seen = {}
    for i = 1, 50 do
      local made = assert(secret.create(8))
      local page = math.floor(address_of(made) / 4096)
      assert.is_nil(seen[page])
      seen[page] = made
      seen[i] = made
    end
  end)
end)
