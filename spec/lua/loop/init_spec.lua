-- Which loop a client waits with.

local loop = require "trailmark.loop"
local process = require "spec.support.process"

local YIELDS_IN_PCALL = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

local adapter = {
  waiter = function()
    local thread, is_main = coroutine.running()
    return thread and not is_main and thread or nil
  end,
}

describe("loop.open", function()
  it("keeps auto, blocking, and an adapter as it is", function()
    for _, setting in ipairs { "auto", "blocking", adapter } do
      assert.equal(setting, (loop.open(setting)))
    end
  end)

  it("tells which library is not there", function()
    local loaded, path, cpath = package.loaded.copas, package.path, package.cpath
    package.loaded.copas, package.path, package.cpath = nil, path:gsub(";/usr/[^;]*", ""), ""
    local found, problem = loop.open "copas"
    package.loaded.copas, package.path, package.cpath = loaded, path, cpath
    assert.is_nil(found)
    assert.equal([[loop = "copas": module 'copas' not found]], problem)
  end)
end)

describe("loop.here and loop.home", function()
  it("are nothing for a client that blocks, wherever it is", function()
    assert.is_nil((loop.here "blocking"))
    assert.is_nil((loop.home "blocking"))
    coroutine.wrap(function() assert.is_nil((loop.here "blocking")) end)()
  end)

  it("are the client's own adapter, the first only in a coroutine of it", function()
    assert.is_nil((loop.here(adapter)))
    assert.equal(adapter, (loop.home(adapter)))
    coroutine.wrap(function()
      assert.same({ adapter, (coroutine.running()) }, { loop.here(adapter) })
      assert.equal(adapter, (loop.home(adapter)))
    end)()
  end)

  it("have no home where the adapter has several, and none of them runs", function()
    local current
    local several = { waiter = function() return nil end, key = function() return current end }
    assert.is_nil((loop.home(several)))
    current = "one"
    assert.equal(several, (loop.home(several)))
  end)

  it("look around without loading anything", function()
    local said, status = process.lua([[
      local loop = require "trailmark.loop"
      local function look()
        assert(loop.here "auto" == nil and loop.home "auto" == nil)
      end
      look()
      coroutine.wrap(look)()
      for _, name in ipairs { "cqueues", "_cqueues", "copas", "luv", "uv", "socket" } do
        assert(package.loaded[name] == nil, name)
      end
      for name in pairs(package.loaded) do
        assert(not name:find "^trailmark%.loop%." or name == "trailmark.loop.adapter", name)
      end
      io.stdout:write "nothing"
    ]]):finish()
    assert.same({ "nothing", 0 }, { said, status })
  end)

  it("bear with globals that raise, and with modules that are being loaded", function()
    local said, status, complaint = process.lua([[
      local loop = require "trailmark.loop"
      for _, name in ipairs { "copas", "cqueues", "luv" } do package.loaded[name] = true end
      setmetatable(_G, { __index = function(_, name) error("undeclared " .. name) end })
      coroutine.wrap(function() assert(loop.here "auto" == nil and loop.home "auto" == nil) end)()
      io.stdout:write "fine"
    ]]):finish()
    assert.same({ "fine", 0 }, { said, status }, complaint)
  end)
end)

describe("loop.check", function()
  local function check() loop.check(1) end

  it("passes in the main program, and in a coroutine", function()
    check()
    coroutine.wrap(check)()
  end)

  local SORTED = "^[^:]*init_spec.lua:%d+: trailmark: a call cannot wait inside [%a ]+, where a coroutine of"

  local function in_sort()
    table.sort({ 1, 2 }, function()
      check()
      return false
    end)
  end

  if coroutine.isyieldable or not YIELDS_IN_PCALL then
    it("raises where no coroutine can be suspended", function()
      local ok, problem = coroutine.resume(coroutine.create(in_sort))
      assert.is_false(ok)
      assert.matches(SORTED, problem)
    end)
  end

  it("raises inside pcall where that cannot be yielded across, and there only", function()
    local ok, problem = coroutine.wrap(function() return pcall(check) end)()
    assert.equal(YIELDS_IN_PCALL, ok)
    if not ok then assert.matches("wait inside pcall,", problem) end
    assert.is_true(pcall(check)) -- in the main program
  end)
end)
