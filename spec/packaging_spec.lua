-- What leaves the tree: the rock, the installed files, and what the shared object shows of itself.

local lua = assert(os.getenv("TRAIL_LUA"), "run the specs with make check")
local abi = _VERSION:match("%d%.%d")

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- The output of a command, which must succeed.
local function run(command)
  local pipe = io.popen("{ " .. command .. "\n} 2>&1; echo \"=$?\"")
  local output, status = pipe:read("*a"):match("^(.*)=(%d+)\n$")
  pipe:close()
  if status ~= "0" then error(("%s\nended with %s:\n%s"):format(command, status, output), 2) end
  return output
end

local function lines(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do list[#list + 1] = line end
  table.sort(list)
  return list
end

local function files_below(folder)
  return lines(run(("cd %s && find . -not -type d"):format(quoted(folder))))
end

-- What a fresh interpreter says that sees nothing of the tree but this folder. It starts elsewhere,
-- so that no relative path leads back.
local function run_installed(lua_dir, lib_dir, code)
  local path = ("LUA_PATH='%s/?.lua;%s/?/init.lua;;'"):format(lua_dir, lua_dir)
  local cpath = ("LUA_CPATH='%s/?.so;;'"):format(lib_dir)
  return run(("cd / && env %s %s %s -e %s"):format(path, cpath, quoted(lua), quoted(code)))
end

local says_where = [[
  local trailmark = require "trailmark"
  local client = assert(trailmark.new({ key = "tm_live_packaging" }))
  client:close()
  print(trailmark._VERSION)
  print(pcall(require, "trailmark_testing"))
]]

local function expect_usable(lua_dir, lib_dir)
  local version, testing = run_installed(lua_dir, lib_dir, says_where):match("^(.-)\n(%a+)")
  local stated = run "cat csrc/base/version.h":match('#define TRAIL_VERSION "(.-)"')
  assert.equal("trailmark " .. stated, version)
  assert.equal("false", testing)
end

local function expected_files(lua_dir, lib_dir)
  local list = { ("./%s/trailmark/core.so"):format(lib_dir) }
  for _, path in ipairs(lines(run "cd lua && find . -type f")) do
    list[#list + 1] = "./" .. lua_dir .. path:sub(2)
  end
  table.sort(list)
  return list
end

describe("packaging", function()
  local root

  before_each(function() root = run("mktemp -d"):gsub("\n", "") end)
  after_each(function() run("rm -rf " .. quoted(root)) end)

  describe("the rockspec", function()
    -- LuaRocks with no server to ask, no settings of the user's and a home of its own.
    local function luarocks(command)
      run(("echo 'rocks_servers = {}' >%s/config.lua"):format(quoted(root)))
      return run(("HOME=%s LUAROCKS_CONFIG=%s/config.lua luarocks --lua-version=%s %s"):format(
        quoted(root), quoted(root), abi, command))
    end

    it("is well-formed", function() luarocks "lint rockspec/trailmark-scm-1.rockspec" end)

    it("makes a rock that works, offline, in a tree of its own", function()
      luarocks(("make --tree=%s/tree rockspec/trailmark-scm-1.rockspec"):format(quoted(root)))
      local lua_dir = ("%s/tree/share/lua/%s"):format(root, abi)
      local lib_dir = ("%s/tree/lib/lua/%s"):format(root, abi)
      expect_usable(lua_dir, lib_dir)
      assert.same(lines(run "cd lua && find . -type f"), files_below(lua_dir))
      assert.same({ "./trailmark/core.so" }, files_below(lib_dir))
    end)
  end)

  describe("make install", function()
    local function make(target)
      return run(("make %s LUA=%s DESTDIR=%s PREFIX=/opt/x"):format(target, jit and "luajit" or abi,
        quoted(root)))
    end

    it("installs the library, all of it and nothing else", function()
      make "install"
      local lua_dir, lib_dir = "opt/x/share/lua/" .. abi, "opt/x/lib/lua/" .. abi
      assert.same(expected_files(lua_dir, lib_dir), files_below(root))
      expect_usable(root .. "/" .. lua_dir, root .. "/" .. lib_dir)
    end)

    it("is undone by uninstall, which leaves other files alone", function()
      make "install"
      local theirs = ("opt/x/share/lua/%s/trailmark/theirs.lua"):format(abi)
      run(("touch %s/%s"):format(quoted(root), theirs))
      make "uninstall"
      assert.same({ "./" .. theirs }, files_below(root))
      run(("rm %s/%s"):format(quoted(root), theirs))
      make "uninstall"
      assert.equal("", run(("find %s -name trailmark"):format(quoted(root))))
    end)

    describe("puts a shared object there that", function()
      local object

      before_each(function()
        make "install"
        object = ("%s/opt/x/lib/lua/%s/trailmark/core.so"):format(root, abi)
      end)

      it("exports how to open it and nothing else", function()
        local names = run(("nm -D --defined-only %s | awk '{ print $3 }'"):format(object))
        assert.same({ "luaopen_trailmark_core" }, lines(names))
      end)

      it("stays loaded, and is bound before it runs", function()
        local flags = run("readelf -d " .. object)
        assert.truthy(flags:find("NODELETE", 1, true))
        assert.truthy(flags:find("NOW", 1, true))
      end)

      it("leaves the choice of the Lua library to its host", function()
        assert.is_nil(run("readelf -d " .. object):match("NEEDED[^\n]*lua[^\n]*"))
      end)
    end)
  end)
end)
