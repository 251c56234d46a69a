local place = require "trailmark.place"
local raises = require "spec.support.raises"
local sandbox = require "trailmark.sandbox"

local yields_in_pcall = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

describe("place.check_seconds", function()
  it("takes nothing, and numbers from 0 to 3600", function()
    for _, good in ipairs { 0, 0.001, 1, 3600 } do place.check_seconds(good, "it", 1) end
    place.check_seconds(nil, "it", 1)
  end)

  it("raises for anything else, at the level it is told", function()
    local function caller(value) place.check_seconds(value, "the time", 2) end
    for value, shown in pairs { [-0.1] = "-0.1", [3600.5] = "3600.5", [math.huge] = "inf", x = "string" } do
      raises("the time must be seconds from 0 to 3600, got " .. shown:gsub("%-", "%%-"), function() caller(value) end)
    end
    raises("got table", function() caller {} end)
    raises("got %-?nan", function() caller(0 / 0) end)
  end)
end)

describe("place.try", function()
  it("is pcall in the main program", function()
    assert.same({ true, 1, nil, 3 }, { place.try(function(...) return ... end, 1, nil, 3) })
    assert.same({ false, "no" }, { place.try(error, "no", 0) })
  end)

  it("can be yielded across in a coroutine", function()
    local thread = coroutine.create(function()
      return place.try(function() return coroutine.yield "first" .. "!" end)
    end)
    assert.same({ true, "first" }, { coroutine.resume(thread) })
    assert.same({ true, true, "second!" }, { coroutine.resume(thread, "second") })
  end)

  it("catches in a coroutine, but on 5.1, where it raises", function()
    local thread = coroutine.create(function() return place.try(error, "no", 0) end)
    if yields_in_pcall then
      assert.same({ true, false, "no" }, { coroutine.resume(thread) })
    else
      assert.same({ false, "no" }, { coroutine.resume(thread) })
    end
  end)
end)

describe("place.spawn", function()
  local told
  local function report(problem) told[#told + 1] = problem end
  before_each(function() told = {} end)

  it("runs a function in a coroutine of its own where the loop has no other way", function()
    local within
    place.spawn({ adapter = {} }, function() within = coroutine.running() end, report)
    assert.equal("thread", type(within))
    assert.same({}, told)
  end)

  it("lets it go on later", function()
    local thread, ended
    place.spawn({ adapter = {} }, function()
      thread = coroutine.running()
      coroutine.yield()
      ended = true
    end, report)
    assert.is_nil(ended)
    coroutine.resume(thread)
    assert.is_true(ended)
  end)

  it("uses the loop's own way", function()
    local spawned = {}
    local home = { adapter = { spawn = function(...) spawned = { ... } end }, key = "it" }
    place.spawn(home, function() told = "ran" end, report)
    assert.equal("it", spawned[2])
    assert.same({}, told)
    spawned[1]()
    assert.equal("ran", told)
  end)

  it("reports what is raised", function()
    place.spawn({ adapter = {} }, function() error("one", 0) end, report)
    assert.matches("^one\nstack traceback", told[1])
    place.spawn({ adapter = { spawn = function(f) f() end } }, function() error("two", 0) end, report)
    assert.equal("two", told[2])
  end)
end)

describe("place.is_inner", function()
  it("is true within a key function, at any depth, of its coroutine alone", function()
    assert.is_false(place.is_inner())
    local seen = { place.ask(function(why)
      local elsewhere
      coroutine.wrap(function() elsewhere = place.is_inner() end)()
      place.ask(error)
      return why, place.is_inner(), elsewhere
    end, "first") }
    assert.same({ true, "first", true, false }, seen)
    assert.is_false(place.is_inner())
    assert.same({ false, "no" }, { place.ask(error, "no", 0) })
    assert.is_false(place.is_inner())
  end)

  it("is true within a hook", function()
    local sb = assert(sandbox.start())
    finally(function() sb:stop() end)
    local within
    local tm = assert(sb:client { on_event = function() within = place.is_inner() end })
    assert(tm:workspace())
    assert.is_true(within)
    assert.is_false(place.is_inner())
  end)
end)

describe("a place where nobody can wait", function()
  local sb, tm
  setup(function()
    sb = assert(sandbox.start())
    local adapter = require("spec.support.hand_loop").new().adapter
    adapter.waiter = function() return nil, "nobody can wait here" end
    tm = assert(sb:client { loop = adapter })
  end)
  teardown(function() sb:stop() end)

  local calls = {
    get = function() tm:get "/echo" end,
    all = function() tm:all { { path = "/echo" } } end,
    map = function() tm:map({ 1 }, function() return { path = "/echo" } end) end,
    collect = function() tm:collect "/contacts" end,
    each = function() for _ in tm:each "/contacts" do error "there is no item" end end,
    pages = function() for _ in tm:pages "/contacts" do error "there is no page" end end,
    pager = function() tm:pager("/contacts"):next() end,
    sleep = function() tm:sleep(0) end,
  }
  for name, make in pairs(calls) do
    it("is told to the caller of " .. name .. ", and nothing is sent", function()
      raises("^trailmark: nobody can wait here$", make)
      assert.same({}, sb:log())
    end)
  end

  it("is none for a batch of nothing", function()
    assert.same({}, tm:all {})
    assert.same({}, (tm:map({}, error)))
  end)
end)

describe("place.here", function()
  local adapter = { waiter = function() return coroutine.running() end }

  it("is nothing for a client that blocks", function()
    assert.is_nil((place.here({ _loop = "blocking" }, 1)))
  end)

  it("is a client's own adapter with the coroutine that runs", function()
    coroutine.wrap(function()
      local found, token = place.here({ _loop = adapter }, 1)
      assert.equal(adapter, found)
      assert.equal(coroutine.running(), token)
    end)()
  end)

  it("is nothing in the coroutine that moves the engine", function()
    coroutine.wrap(function()
      assert.is_true(place.move(function()
        assert.is_nil((place.here({ _loop = adapter }, 1)))
        coroutine.wrap(function() assert.equal(adapter, (place.here({ _loop = adapter }, 1))) end)()
      end))
      assert.equal(adapter, (place.here({ _loop = adapter }, 1)))
      assert.same({ false, "no" }, { place.move(error, "no", 0) })
      assert.equal(adapter, (place.here({ _loop = adapter }, 1)))
    end)()
  end)

  it("is nothing where the adapter has nobody to suspend", function()
    assert.is_nil((place.here({ _loop = { waiter = function() end } }, 1)))
  end)
end)
