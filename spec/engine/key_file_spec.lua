-- A file that holds a key: when it is read, and how a change is seen.

local testing = require "trailmark_testing"
local tmp = require "spec.support.tmp"

local LIVE, NEXT = "tm_live_0123456789abcdef", "tm_live_fedcba9876543210"
local key, path

before_each(function()
  key, path = testing.keyring.key(), tmp.file(LIVE .. "\n")
end)

after_each(function()
  key:clear()
  os.remove(path)
end)

local function read()
  assert.equal("ok", key:read(path))
  return key:look().key
end

describe("a key file", function()
  it("gives the key", function()
    assert.equal(LIVE, read())
  end)

  it("has changed before it was read for the first time", function()
    assert.is_true(key:has_changed(path))
  end)

  it("has not changed when only looked at or read", function()
    read()
    assert.is_false(key:has_changed(path))
    io.open(path):close()
    assert.is_false(key:has_changed(path))
  end)

  it("has changed when another took its place, the same content and size or not", function()
    for _, content in ipairs { LIVE .. "\n", NEXT .. "\n", NEXT } do
      read()
      tmp.replace(path, content)
      assert.is_true(key:has_changed(path))
      assert.equal(content:match "%S+", read())
      assert.is_false(key:has_changed(path))
    end
  end)

  it("has changed when it was written over by one of another size", function()
    read()
    tmp.write(path, NEXT .. "0")
    assert.is_true(key:has_changed(path))
    assert.equal(NEXT .. "0", read())
  end)

  it("keeps the same line where a new file holds the same key", function()
    read()
    local line = key:identity()
    tmp.replace(path, " " .. LIVE)
    read()
    assert.equal(line, key:identity())
  end)

  it("that is gone has not changed, and its key stays", function()
    read()
    os.remove(path)
    assert.is_false(key:has_changed(path))
    local status, fault = key:read(path)
    assert.equal("config", status)
    assert.equal("key_file " .. path .. " cannot be read: No such file or directory", fault)
    assert.equal(LIVE, key:look().key)
  end)

  it("that holds no key leaves the last one, and is looked at again", function()
    read()
    for _, content in ipairs { "", "two words", "key\0" .. LIVE, (" "):rep(8193) } do
      tmp.replace(path, content)
      local status, fault = key:read(path)
      assert.equal("config", status)
      assert.matches("key_file " .. path, fault, 1, true)
      assert.is_nil(fault:find(LIVE, 1, true))
      assert.equal(LIVE, key:look().key)
      assert.is_true(key:has_changed(path)) -- it was never taken
    end
  end)

  it("may be as long as a key may be", function()
    local longest = ("k"):rep(8192)
    tmp.write(path, longest)
    assert.equal(longest, read())
    tmp.write(path, longest .. "k")
    assert.equal("config", (key:read(path)))
  end)
end)

describe("what is no file", function()
  local function refused(what, why)
    local status, fault = key:read(what)
    assert.equal("config", status)
    assert.matches(why, fault, 1, true)
    assert.is_nil(key:look())
  end

  it("is refused: a folder, a device, what is not there", function()
    refused("/", "is not a regular file")
    refused("/dev/zero", "is not a regular file")
    refused("/not/there", "No such file")
    refused("", "No such file")
  end)

  it("is refused, not waited for: a named pipe", function()
    os.remove(path)
    os.execute("mkfifo " .. path)
    refused(path, "is not a regular file")
  end)

  it("leaves no descriptor open", function()
    local function count()
      local open = 0
      for _ in pairs(testing.process.descriptors()) do open = open + 1 end
      return open
    end
    local before = count()
    for _ = 1, 20 do
      read()
      assert.equal("config", (key:read "/"))
      assert.equal("config", (key:read "/not/there"))
    end
    tmp.write(path, "two words")
    assert.equal("config", (key:read(path)))
    assert.equal(before, count())
  end)
end)
