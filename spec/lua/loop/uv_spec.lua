-- libuv: luv, and the editor that has it built in; both real.

local gate_server = require "spec.support.gate_server"
local process = require "spec.support.process"
local suites = require "spec.support.loops.suite"
local tmp = require "spec.support.tmp"

local function tell(suite)
  setup(suite.run)
  for _, name in ipairs(suite.names) do it(name, function() suite.check(name) end) end
end

describe("a call in luv", function()
  tell(suites.new(function(environment)
    return process.lua([[require "spec.support.loops.run" "luv"]], environment)
  end))
end)

describe("luv", function()
  it("is not loaded in a coroutine, whose callbacks would crash it", function()
    local child = process.lua [[
      local trailmark = require "trailmark"
      coroutine.wrap(function()
        local tm, err = trailmark.new { key = "tm_live_x", loop = "uv" }
        print(tm, err.kind, err.message)
      end)()
      print(package.loaded.luv, (trailmark.new { key = "tm_live_x", loop = "uv" }))
    ]]
    local said, code, complaint = child:finish()
    assert.same({ 0, "" }, { code, complaint })
    assert.matches("^nil\tconfig\tloop = \"uv\": luv is to be loaded in the main program, .-\n"
      .. "nil\ttrailmark%.Client", said)
  end)
end)

-- Neovim's Lua is LuaJIT, and it does not load the sanitizers.
local has_neovim = rawget(_G, "jit") ~= nil and process.is_plain_lua()

describe("a call in Neovim", has_neovim and function()
  local script

  teardown(function() os.remove(script) end)

  tell(suites.new(function(environment)
    script = tmp.file [[require "spec.support.loops.run" "neovim"]]
    environment.LUA_PATH, environment.LUA_CPATH = package.path, package.cpath
    return process.program({ "nvim", "--headless", "--clean", "-c", "luafile " .. script, "-c", "qall!" },
      environment)
  end))
end or function() end)

describe("a program on luv", function()
  local gate
  before_each(function() gate = gate_server.start() end)
  after_each(function() gate:stop() end)

  local PRELUDE = [[
    local uv = require "luv"
    local tm = require "trailmark".new {
      key = "tm_live_x", base_url = os.getenv "TRAIL_GATE", pace = "off", retries = 0,
    }
  ]]

  local function run(code)
    return process.lua(PRELUDE .. code, { TRAIL_GATE = gate.url }):finish()
  end

  for what, code in pairs {
    coroutine = [[coroutine.wrap(function() tm:get "/a" error("no luck", 0) end)()]],
    callback = [[tm:send({ path = "/a" }, function() error("no luck", 0) end)]],
  } do
    it("is told of an error in a " .. what .. ", and ends the program as it does with its own", function()
      local said, status, complaint = run(code .. " uv.run() print 'went on'")
      assert.equal("", said)
      assert.not_equal(0, status)
      assert.truthy(complaint:find("Uncaught Error: trailmark: [^\n]*no luck"), complaint)
    end)
  end

  it("may close coroutines that wait, and the others go on", rawget(coroutine, "close") and function()
    local said, status, complaint = run [[
      local waits = {
        function() tm:get "/a" end, function() tm:sleep(0.01) end,
        function() tm:all { { path = "/a" }, { path = "/b" } } end,
      }
      for _, f in ipairs(waits) do
        local thread = coroutine.create(f)
        assert(coroutine.resume(thread))
        assert(coroutine.close(thread))
      end
      coroutine.wrap(function() print(tm:get("/c").path) end)()
      uv.run()
      print "the end"
    ]]
    assert.same({ "/c\nthe end\n", 0, "" }, { said, status, complaint })
  end or function() end)

  it("may close all handles, as programs do that end, and run again", function()
    local said, status, complaint = run [[
      coroutine.wrap(function() print(tm:get("/a").path) end)()
      uv.run()
      uv.walk(function(handle) if not handle:is_closing() then handle:close() end end)
      uv.run()
      coroutine.wrap(function() print(tm:get("/b").path) end)()
      uv.run()
    ]]
    assert.same({ "/a\n/b\n", 0, "" }, { said, status, complaint })
  end)
end)
